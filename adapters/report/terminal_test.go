package report_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/domain"
)

// Escaping a document for a terminal does not change its meaning, and leaves nothing that controls
// the terminal, however it is cut into writes.
func TestTerminalSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cmd := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("\x7f\u009b\u202e\U000E0001\x1b[é日")))).Draw(t, "cmd")
		document := write(t, report.JSON, []domain.Entry{
			{Event: domain.NewShStarted(1, "a", cmd), Position: domain.Position{Line: 1}},
		}, report.Options{})
		var screen bytes.Buffer
		w := terminal.Escape(&screen)
		for rest := []byte(document); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "bytes")
			_, err := w.Write(rest[:n])
			require.NoError(t, err)
			rest = rest[n:]
		}
		for _, r := range screen.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("the terminal gets %U", r)
			}
		}
		var want, got any
		unmarshal(t, document, &want)
		unmarshal(t, screen.String(), &got)
		wantText, _ := json.Marshal(want)
		if gotText, _ := json.Marshal(got); !bytes.Equal(gotText, wantText) {
			t.Fatalf("the terminal shows %s, want %s", gotText, wantText)
		}
	})
}
