package follow

import (
	"crypto/sha256"
	"errors"
	"os"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
)

// badLine is a line at which a stream cannot be read on. The stream grows behind it
// all the same, and is not read anew for that; as soon as something else stands
// there, it is.
type badLine struct {
	offset int64
	length int // of what the digest is of: the line's begin, and maybe more
	sum    [sha256.Size]byte
}

// lineBegin is how much of a line is looked at.
const lineBegin = 4 << 10

// findBad returns the line that err is about, or nil if it is about none, or the file
// has been replaced since.
func findBad(stream *tail.Stream, err error) *badLine {
	var malformed *jsonl.MalformedError
	var long *tail.LineTooLongError
	bad := &badLine{length: lineBegin}
	switch {
	case errors.As(err, &malformed):
		bad.offset = malformed.Offset
		bad.length = int(min(lineBegin, malformed.Column)) // what follows may not be there yet
	case errors.As(err, &long):
		bad.offset = long.Offset
	default:
		return nil
	}
	data, info := bad.read(stream.Path())
	if len(data) == 0 || !os.SameFile(info, stream.Seen()) {
		return nil
	}
	bad.length, bad.sum = len(data), sha256.Sum256(data)
	return bad
}

// isIn reports whether the line is still in the file at path.
func (b *badLine) isIn(path string) bool {
	if b == nil {
		return false
	}
	data, _ := b.read(path)
	return sha256.Sum256(data) == b.sum
}

func (b *badLine) read(path string) ([]byte, os.FileInfo) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil
	}
	data := make([]byte, b.length)
	n, _ := file.ReadAt(data, b.offset) // less is something else
	return data[:n], info
}
