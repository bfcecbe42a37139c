package jsonl

import (
	"crypto/sha256"
	"hash"

	"github.com/quire-ci/quire-project/domain"
)

// digest hashes the bytes that a reader has decoded, and compares them with a known mark
// of the stream.
type digest struct {
	hash  hash.Hash
	bytes int64

	known     domain.Mark
	continues bool // the first known.Bytes bytes have the known digest
}

func newDigest(known domain.Mark) *digest {
	return &digest{hash: sha256.New(), known: known, continues: known.Bytes == 0}
}

func (d *digest) add(p []byte) {
	if left := d.known.Bytes - d.bytes; left > 0 && left <= int64(len(p)) {
		d.write(p[:left])
		d.continues = d.sum() == d.known.SHA256
		p = p[left:]
	}
	d.write(p)
}

func (d *digest) write(p []byte) {
	_, _ = d.hash.Write(p) // a hash never fails
	d.bytes += int64(len(p))
}

func (d *digest) sum() (sum [sha256.Size]byte) {
	d.hash.Sum(sum[:0])
	return sum
}

func (d *digest) mark(lines int64) domain.Mark {
	return domain.Mark{Bytes: d.bytes, Lines: lines, SHA256: d.sum()}
}

// Continues reports whether the stream begins with the bytes of the mark [Options.Known].
// It is valid once the reader has returned an entry after these bytes, or an error.
func (r *Reader) Continues() bool { return r.digest != nil && r.digest.continues }

// Marks returns the marks after the last whole line and at the end of the stream; they
// differ if the last line has no line feed. They are valid after io.EOF.
func (r *Reader) Marks() (whole, end domain.Mark) { return r.wholeMark, r.endMark }

// Digest returns the state of the SHA-256 of the whole lines, marshalled by
// crypto/sha256. It is valid after io.EOF.
func (r *Reader) Digest() ([]byte, error) {
	return r.wholeState, r.stateErr
}
