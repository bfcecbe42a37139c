package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// A row of an index has at most some 2,700 bytes, and the id of a job may have
// millions. One whose text is longer than maxKey is stored in a short form, in
// keys and everywhere else: how it begins, shortened, and the digest of the
// whole id. The whole text is in the table long_job_ids.
//
// In no other text is shortened found: an escape is followed by a picture there,
// which the ellipsis is not. So the short form is that of no other id.
const (
	maxKey    = 1024
	shortened = "\x01…"
	// maxBeginning is how many bytes of the id are kept; a byte becomes four
	// at most.
	maxBeginning = 128
)

// jobKey returns what the id of a job is stored as, and whether that is a
// short form.
func jobKey(id string) (key string, short bool) {
	if text := toText(id); len(text) <= maxKey {
		return text, false
	}
	beginning := maxBeginning
	for beginning > 0 && !utf8.RuneStart(id[beginning]) {
		beginning--
	}
	sum := sha256.Sum256([]byte(id))
	return toText(id[:beginning]) + shortened + hex.EncodeToString(sum[:]), true
}

// isShort reports whether a key is the short form of an id.
func isShort(key string) bool { return strings.Contains(key, shortened) }
