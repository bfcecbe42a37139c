package jsonl

import (
	"crypto/sha256"
	"hash"

	"github.com/quire-ci/quire-project/domain"
)

// digest takes in what a reader has consumed, and compares it on the way with
// what is known of the stream.
type digest struct {
	hash  hash.Hash
	bytes int64

	known     domain.Mark
	continues bool // the first known.Bytes are those that are known
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

// Continues reports whether the stream begins with the bytes that
// [Options.Known] was taken of. It is known once those were read: when the
// reader has given an entry behind them, or an error.
func (r *Reader) Continues() bool { return r.digest != nil && r.digest.continues }

// Marks returns how far whole lines reach and how far the stream does, whose
// last line may have no line feed. They are known once io.EOF was given.
func (r *Reader) Marks() (whole, end domain.Mark) { return r.wholeMark, r.endMark }

// Digest returns the state of the SHA-256 of the whole lines, as crypto/sha256
// marshals it, when io.EOF was given.
func (r *Reader) Digest() ([]byte, error) {
	return r.wholeState, r.stateErr
}
