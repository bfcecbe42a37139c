package jsonenc_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
)

// obvious is the escaping rule written down once more, a rune at a time.
func obvious(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case strings.ContainsRune("\b\f\n\r\t", r):
			b.WriteString(map[rune]string{'\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}[r])
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

func text(t *rapid.T) string {
	piece := rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.RuneFrom([]rune("\"\\\b\f\n\r\t\x00\x1f\x7f/<>&\u2028é日😀a"))),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.StringN(0, 40, -1),
	)
	return strings.Join(rapid.SliceOfN(piece, 0, 4).Draw(t, "pieces"), "")
}

func TestAppendString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := text(t)
		got := string(jsonenc.AppendString([]byte("x"), s))
		require.Equal(t, "x"+obvious(s), got, "Append(%+q)", s)
		var back string
		if err := json.Unmarshal([]byte(got[1:]), &back); err != nil || utf8.ValidString(s) && back != s {
			t.Fatalf("%s reads back as %+q, %v", got, back, err)
		}
	})
}

func BenchmarkAppendString(b *testing.B) {
	for name, s := range map[string]string{
		"job":     "job-123456",
		"command": "go test -run 'TestBash|TestGen' ./... | tee ../cobra.log",
		"escapes": "set -euo pipefail\ncd \"cobra\"\nexport GOFLAGS=\"-count=1\"",
		"unicode": "echo 'ünïcode ✓ 日本語 日本語 日本語'",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			var buffer []byte
			for b.Loop() {
				buffer = jsonenc.AppendString(buffer[:0], s)
			}
		})
	}
}
