package follow

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// chunkDecoder decodes the entries of a chunk. There is one for each chunk in progress, not one for
// each waiting run.
type chunkDecoder struct {
	*jsonl.Segments
	entries []domain.Entry
}

// maxEntries is the maximum number of entries whose memory is kept for the next chunk.
const maxEntries = 16 << 10

// decode decodes the entries of a segment, and returns its number of lines; lines is the number of
// lines before it. If a line is malformed, decode truncates the segment and the entries before that
// line.
func (d *chunkDecoder) decode(source jsonl.Location, segment *domain.Segment, lines int64) (int64, error) {
	d.entries = slices.Grow(d.entries, bytes.Count(segment.Data, []byte{'\n'})+1)
	n, err := d.Decode(segment, d.ReadOptions(), lines, func(entry *domain.Entry) { d.entries = append(d.entries, *entry) })
	var malformed *jsonl.MalformedError
	if !errors.As(err, &malformed) {
		return n, err
	}
	malformed.Name = source.Path
	before := segment.Data[:malformed.Offset-segment.Offset] // may end with a byte order mark, which belongs to the malformed line
	segment.Data, segment.SHA256, segment.Tail = before[:bytes.LastIndexByte(before, '\n')+1], [sha256.Size]byte{}, false
	return malformed.Line - lines - 1, err
}

// forget drops the references to the entries.
func (d *chunkDecoder) forget() {
	if cap(d.entries) > maxEntries {
		d.entries = nil
	}
	clear(d.entries)
	d.entries = d.entries[:0]
}
