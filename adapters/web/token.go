package web

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"

	"github.com/quire-ci/quire-project/domain"
)

// ErrShortToken is returned for a token that could be guessed.
var ErrShortToken = errors.New("a token has at least 16 characters; make one with: openssl rand -hex 32")

// ReadToken reads a token from a file.
func ReadToken(file string) (string, error) {
	if file == "" {
		return "", errors.New("name the file with the token of the server with --token-file")
	}
	data, err := os.ReadFile(file)
	if data = bytes.TrimSpace(data); err == nil && len(data) < 16 {
		err = ErrShortToken
	}
	return string(data), err
}

// RunToken returns the token that allows writing to one run of a server, and nothing else: the
// HMAC-SHA256 of the run's id with the server's token as the key, in hexadecimal.
func RunToken(token string, run domain.RunID) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(run))
	return hex.EncodeToString(mac.Sum(nil))
}
