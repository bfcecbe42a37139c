package follow

import (
	"bytes"
	"errors"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
)

// chunkDecoder makes entries of a chunk. There are as many as there are chunks
// being worked on, and not one for each run that waits.
type chunkDecoder struct {
	*jsonl.Segments
	entries []domain.Entry
}

// maxEntries is how many entries' memory is kept for the next chunk.
const maxEntries = 1024

// decode makes the entries of a chunk, before which so many lines stand. If a line
// is malformed, data and entries are what stands before it.
func (d *chunkDecoder) decode(source jsonl.Location, chunk tail.Chunk, lines int64) (data []byte, n int64, err error) {
	segment := domain.Segment{Run: source.Run, Offset: chunk.Offset, Data: chunk.Data}
	n, err = d.Decode(&segment, d.ReadOptions(), lines, func(entry *domain.Entry) { d.entries = append(d.entries, *entry) })
	var malformed *jsonl.MalformedError
	if !errors.As(err, &malformed) {
		return chunk.Data, n, err
	}
	malformed.Name = source.Path
	before := chunk.Data[:malformed.Offset-chunk.Offset] // and maybe a byte order mark, which is the line's
	return before[:bytes.LastIndexByte(before, '\n')+1], malformed.Line - lines - 1, err
}

// forget lets go of the entries.
func (d *chunkDecoder) forget() {
	if cap(d.entries) > maxEntries {
		d.entries = nil
	}
	clear(d.entries)
	d.entries = d.entries[:0]
}
