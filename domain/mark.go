package domain

import "crypto/sha256"

// Mark identifies the first part of a stream: two streams with the same mark begin with the
// same bytes.
type Mark struct {
	// Bytes and Lines are the length of the part, uncompressed.
	Bytes, Lines int64
	// SHA256 is the digest of those bytes.
	SHA256 [sha256.Size]byte
}

// StartMark is the mark at the start of any stream.
var StartMark = Mark{SHA256: sha256.Sum256(nil)}
