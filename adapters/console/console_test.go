package console

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Pieces of lines are shown as they come, those of each stream on lines of their own.
func TestScreenShowsOutput(t *testing.T) {
	var out bytes.Buffer
	screen := New(&out, Options{Program: "quire-ci"})
	for _, part := range []string{
		"2026-11-23T14:41:54.217000000Z stdout P one \n",
		"2026-11-23T14:41:54.217000000Z stdout P and \n2026-11-23T14:41:54.217000000Z stdout F one\n",
		"2026-11-23T14:41:54.217000000Z stderr F \x1b[31m\ttwo \r\nno log line\n2026-11-23T14:41:54.217000000Z stdout P three\n",
		"2026-11-23T14:41:54.217000000Z stderr P four\n",
	} {
		if n, err := screen.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}
	screen.Say("done")
	const want = "    | one and one\n    | \\x1b[31m    two \n    | three\n    | four\nquire-ci: done\n"
	assert.Equal(t, want, out.String())
}

// Of a long log, the last lines are shown, and none of them is half a line.
func TestTail(t *testing.T) {
	folder := t.TempDir()
	for _, n := range []int{0, 1, 19, 20, 21, 5000} {
		path := filepath.Join(folder, fmt.Sprint(n))
		var log strings.Builder
		for i := range n {
			fmt.Fprintf(&log, "line %d %s\n", i, strings.Repeat("x", 5000*(i%20)/19))
		}
		require.NoError(t, os.WriteFile(path, []byte(log.String()), 0o666))
		var all, last bytes.Buffer
		if err := show(&all, path, true); err != nil || all.String() != log.String() {
			t.Errorf("%d lines: all of them are %d bytes of %d, %v", n, all.Len(), log.Len(), err)
		}
		assert.NoError(t, show(&last, path, false))
		lines := strings.Count(last.String(), "\n")
		if !strings.HasSuffix(log.String(), last.String()) || n > 0 && !strings.HasPrefix(last.String(), "line ") || n <= 20 && lines != n || n > 20 && lines > 20 || n > 20 && lines < 10 {
			t.Errorf("of %d lines, %d: %.100q", n, lines, last.String())
		}
	}
	if err := show(nil, filepath.Join(folder, "none"), false); !os.IsNotExist(err) {
		t.Errorf("of no log, %v", err)
	}
}
