package follow

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// chunkDecoder makes entries of a chunk. There are as many as there are chunks
// being worked on, and not one for each run that waits.
type chunkDecoder struct {
	*jsonl.Segments
	entries []domain.Entry
}

// maxEntries is how many entries' memory is kept for the next chunk.
const maxEntries = 16 << 10

// decode makes the entries of a segment, before which so many lines stand, and returns how many
// lines it has. If a line is malformed, the segment and the entries are cut off before it.
func (d *chunkDecoder) decode(source jsonl.Location, segment *domain.Segment, lines int64) (int64, error) {
	d.entries = slices.Grow(d.entries, bytes.Count(segment.Data, []byte{'\n'})+1)
	n, err := d.Decode(segment, d.ReadOptions(), lines, func(entry *domain.Entry) { d.entries = append(d.entries, *entry) })
	var malformed *jsonl.MalformedError
	if !errors.As(err, &malformed) {
		return n, err
	}
	malformed.Name = source.Path
	before := segment.Data[:malformed.Offset-segment.Offset] // and maybe a byte order mark, which is the line's
	segment.Data, segment.SHA256, segment.Tail = before[:bytes.LastIndexByte(before, '\n')+1], [sha256.Size]byte{}, false
	return malformed.Line - lines - 1, err
}

// forget lets go of the entries.
func (d *chunkDecoder) forget() {
	if cap(d.entries) > maxEntries {
		d.entries = nil
	}
	clear(d.entries)
	d.entries = d.entries[:0]
}
