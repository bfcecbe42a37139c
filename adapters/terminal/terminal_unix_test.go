//go:build unix

package terminal_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/terminal"
)

// screen is a terminal with its output.
type screen struct {
	waittest.Output
	tty *os.File
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("there are no pseudo terminals here: ", err)
	}
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Cols: 80, Rows: 24}))
	t.Cleanup(func() { master.Close(); tty.Close() })
	s := &screen{tty: tty}
	go io.Copy(s, master)
	return s
}

// The flag goes before NO_COLOR, and that before FORCE_COLOR.
func TestColors(t *testing.T) {
	tty := newScreen(t).tty
	for _, test := range []struct {
		when, term, no, force string
		terminal, pipe        bool
	}{
		{"auto", "xterm", "", "", true, false},
		{"", "xterm", "", "", true, false},
		{"auto", "dumb", "", "", false, false},
		{"auto", "xterm", "1", "", false, false},
		{"auto", "dumb", "", "1", true, true},
		{"auto", "xterm", "1", "1", false, false},
		{"auto", "xterm", "", "0", false, false},
		{"always", "dumb", "1", "0", true, true},
		{"never", "xterm", "", "1", false, false},
	} {
		t.Setenv("TERM", test.term)
		t.Setenv("NO_COLOR", test.no)
		t.Setenv("FORCE_COLOR", test.force)
		assert.Equal(t, test.terminal, terminal.Colors(tty, test.when), "%+v", test)
		assert.Equal(t, test.pipe, terminal.Colors(io.Discard, test.when), "%+v", test)
	}
}

// A bar is below the lines that are written, and removed at the end. There is none elsewhere.
func TestProgress(t *testing.T) {
	s := newScreen(t)
	p := terminal.NewProgress(s.tty, func() int64 { return 4096 })
	p.Done.Store(1024)
	require.True(t, waittest.Until(func() bool { return strings.Contains(s.String(), "25%") }), "no bar")
	_, err := io.WriteString(p, "a line\n")
	require.NoError(t, err)
	p.Stop()
	_, err = io.WriteString(p, "another\n")
	require.NoError(t, err)
	require.True(t, waittest.Until(func() bool { return strings.Contains(s.String(), "another") }))
	for line := range strings.SplitSeq(s.String(), "\n") {
		seen := line[strings.LastIndexByte(strings.TrimRight(line, "\r"), '\r')+1:] // what is left of it on the screen
		assert.False(t, strings.Contains(seen, "reading"), "%q", s.String())
	}
	var out bytes.Buffer
	for _, total := range []func() int64{nil, func() int64 { return 9 }} {
		p := terminal.NewProgress(&out, total)
		_, err := io.WriteString(p, "a line\n")
		require.NoError(t, err)
		p.Stop()
	}
	assert.Equal(t, "a line\na line\n", out.String())
}
