package shell_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/shell"
)

// FuzzLog writes any output, cut anywhere, with any secret. The log is well-formed, and
// has the output with the secret masked.
func FuzzLog(f *testing.F) {
	f.Add("a line\nhunter2! and half of hunter2", "hunter2!", []byte{3, 0, 9})
	f.Add(strings.Repeat("x", shell.MaxPiece+1)+"\n", "xxxxy", []byte{255, 255})
	f.Add("caf\xc3\xa9 \xff\x00\r\n\n-----BEGIN", "-----BEGIN KEY\nAAAABBBB\n", []byte{1, 1, 1, 1, 1, 1})
	f.Add("aXaXaXa", "aXaXa", []byte{2, 255, 0, 4})
	f.Fuzz(func(t *testing.T, text, secret string, cuts []byte) {
		var log bytes.Buffer
		out, err := shell.NewOutput(&log, ticking(1), []string{secret})
		if err != nil {
			t.Skip("no secret")
		}
		rest := text
		for _, n := range cuts {
			part := rest[:min(int(n), len(rest))]
			rest = rest[len(part):]
			if out.Write([]byte(part)); n == 0 {
				out.Flush()
			}
		}
		out.Write([]byte(rest))
		out.End()
		got := assemble(parseLog(t, log.String())).stdout
		assert.Equal(t, slowHide(shell.FormsOf(secret).Longest, text), got)
	})
}
