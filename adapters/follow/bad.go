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

// badLine is a line at which a stream cannot be read on. The stream grows behind it
// all the same, and is not read anew for that; as soon as something else stands
// there, or the file is another one, it is.
type badLine struct {
	file   fs.FileInfo // how it was when it was looked at last
	offset int64
	most   int64             // of the line is looked at: no good one is longer
	sum    [sha256.Size]byte // of the line, or what is there of it
}

// findBad returns the line that err is about, or nil if it is about none, or the file
// has been replaced since.
func (f *follower) findBad(stream *tail.Stream, err error) *badLine {
	var malformed *jsonl.MalformedError
	bad := &badLine{most: int64(cmp.Or(f.Streams.MaxLine, jsonl.DefaultMaxLine))}
	bad.most += min(2, maxOffset-bad.most) // its end
	if !errors.As(err, &malformed) {
		return nil
	}
	if malformed.Line > 1 { // else a byte order mark may stand before it
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

// maxOffset is the greatest there is.
const maxOffset = 1<<63 - 1

// read returns the digest of what stands in the file at path, up to the line's end.
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
