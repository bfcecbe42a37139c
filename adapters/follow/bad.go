package follow

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
)

// badLine is a line at which reading a stream has stopped. Growth after the line does not cause
// another attempt; a change of the line, or another file, does.
type badLine struct {
	file   fs.FileInfo // the file's state at the latest check
	offset int64
	most   int64             // the maximum part of the line to check: no valid line is longer
	sum    [sha256.Size]byte // of the line, or of the part that exists
}

// findBad returns the line that err reports. It returns nil if err reports none, or if the file has
// been replaced since.
func (f *follower) findBad(stream *tail.Stream, err error) *badLine {
	var malformed *jsonl.MalformedError
	bad := &badLine{most: int64(cmp.Or(f.Streams.MaxLine, jsonl.DefaultMaxLine))}
	bad.most += min(2, maxOffset-bad.most) // the line ending
	if !errors.As(err, &malformed) {
		return nil
	}
	if malformed.Line > 1 { // a byte order mark may precede the first line
		bad.offset = malformed.Offset
	}
	if bad.file, bad.sum, err = bad.read(stream.Path()); err != nil || !os.SameFile(bad.file, stream.Seen()) {
		return nil
	}
	return bad
}

// isIn reports whether the line is still in the file at path.
func (b *badLine) isIn(path string) bool {
	if b == nil {
		return false
	}
	info, sum, err := b.read(path)
	if err != nil || !os.SameFile(info, b.file) || info.Size() < b.file.Size() || sum != b.sum {
		return false
	}
	b.file = info
	return true
}

// maxOffset is the largest offset.
const maxOffset = 1<<63 - 1

// read returns the digest of the line at the offset in the file at path.
func (b *badLine) read(path string) (info fs.FileInfo, sum [sha256.Size]byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, sum, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, sum, err
	}
	line := bufio.NewReader(io.NewSectionReader(file, b.offset, b.most))
	digest := sha256.New()
	for {
		piece, err := line.ReadSlice('\n')
		digest.Write(piece)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil || errors.Is(err, io.EOF):
			return info, [sha256.Size]byte(digest.Sum(nil)), nil
		default:
			return nil, sum, err
		}
	}
}
