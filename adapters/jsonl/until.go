package jsonl

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/quire-ci/quire-project/domain"
)

// until ends a stream at a mark, if the stream begins with the bytes of the mark. It reads
// any other stream to its own end.
type until struct {
	src  io.Reader
	end  domain.Mark
	hash hash.Hash
	left int64 // bytes before the mark
	err  error // set at the mark
	more bool  // the stream continues after the mark
	past bool  // the stream is another one, and is read past the mark
}

func newUntil(end domain.Mark) *until {
	return &until{end: end, hash: sha256.New(), left: end.Bytes}
}

func (u *until) Read(p []byte) (int, error) {
	if u.left == 0 && u.err == nil && !u.past {
		u.atMark()
	}
	switch {
	case u.err != nil:
		return 0, u.err
	case u.past:
		return u.src.Read(p)
	}
	n, err := u.src.Read(p[:min(int64(len(p)), u.left)])
	_, _ = u.hash.Write(p[:n]) // a hash never fails
	u.left -= int64(n)
	return n, err
}

// atMark finds out whether the mark is one of this stream, and whether the stream
// continues.
func (u *until) atMark() {
	if [sha256.Size]byte(u.hash.Sum(nil)) != u.end.SHA256 {
		u.past = true
		return
	}
	n, err := io.ReadFull(u.src, make([]byte, 1))
	u.more = n > 0
	if u.err = err; u.more || errors.Is(err, io.EOF) {
		u.err = io.EOF
	}
}
