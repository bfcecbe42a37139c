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

// Of a long log, the last lines are shown, and all of them if nobody can read it later.
func TestTail(t *testing.T) {
	folder := t.TempDir()
	for _, n := range []int{0, 1, 19, 20, 21, 5000} {
		path := filepath.Join(folder, fmt.Sprint(n))
		var log strings.Builder
		var want []string
		for i := range n {
			fmt.Fprintf(&log, "2026-11-23T14:41:54Z stdout P line\n2026-11-23T14:41:54Z stdout F  %d\n", i)
			want = append(want, fmt.Sprintf("    | line %d\n", i))
		}
		require.NoError(t, os.WriteFile(path, []byte(log.String()), 0o666))
		var all, last bytes.Buffer
		require.NoError(t, New(&all, Options{DropLogs: true}).show(path))
		require.NoError(t, New(&last, Options{}).show(path))
		assert.Equal(t, strings.Join(want, ""), all.String())
		assert.Equal(t, strings.Join(want[max(0, n-20):], ""), last.String())
	}
	if err := New(nil, Options{}).show(filepath.Join(folder, "none")); !os.IsNotExist(err) {
		t.Errorf("of no log, %v", err)
	}
}
