//go:build unix

package live

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	tty "github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/domain"
)

// On a real terminal nothing is cleared, the last frame stays, and the cursor and
// line wrapping are as they were.
func TestOpenOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	for _, look := range []struct {
		noColor string
		plain   bool
	}{{"", false}, {"1", false}, {"", true}} {
		t.Setenv("NO_COLOR", look.noColor)
		master, terminal, err := pty.Open()
		if err != nil {
			t.Skip("there are no pseudo terminals here: ", err)
		}
		require.NoError(t, pty.Setsize(terminal, &pty.Winsize{Cols: 50, Rows: 8}))
		written := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(master) // it ends with an error, when the other end is closed
			written <- all
		}()
		view := Open(t.Context(), terminal, Options{Color: !look.plain && tty.Colors(terminal, "auto")})
		if _, ok := view.(*Terminal); !ok {
			t.Fatalf("a terminal is shown %T", view)
		}
		take(feedOf(view), "r", domain.NewJobStarted(0, "build"), domain.NewJobFinished(5, "build", domain.Failed), domain.NewRunFinished(9, domain.Failed))
		require.NoError(t, view.Close())
		_ = terminal.Close()
		out := <-written
		_ = master.Close()
		if bytes.Contains(out, []byte("\x1b[2J")) || bytes.Contains(out, []byte("\x1b[?1049")) || !bytes.HasSuffix(out, []byte(frameEnds)) {
			t.Errorf("%q", out)
		}
		screen := newEmulator()
		_, _ = screen.Write(out)
		if got, want := screen.text(), "✗ r failed 9ms   1 job (1 failed) · 0 commands\n  ✗ build       5ms\n"; got != want {
			t.Errorf("the terminal shows\n%s\nwant\n%s", got, want)
		}
		assert.Equal(t, (look.noColor == "" && !look.plain), bytes.Contains(out, []byte("\x1b[31m")), "%+v: %q", look, out)
	}
}

// Open returns Lines for an output that is no terminal, and for a terminal without capabilities.
func TestOpenElsewhere(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close()
	for _, out := range []io.Writer{file, &strings.Builder{}} {
		if view, ok := Open(t.Context(), out, Options{}).(*Lines); !ok {
			t.Errorf("%T is shown %T", out, view)
		}
	}
	t.Setenv("TERM", "dumb")
	master, terminal, err := pty.Open()
	if err != nil {
		t.Skip("there are no pseudo terminals here: ", err)
	}
	defer master.Close()
	defer terminal.Close()
	if view, ok := Open(t.Context(), terminal, Options{}).(*Lines); !ok {
		t.Errorf("a dumb terminal is shown %T", view)
	}
}
