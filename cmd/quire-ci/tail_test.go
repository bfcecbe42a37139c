package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Pieces of lines are put together again, those of each stream by themselves.
func TestOutput(t *testing.T) {
	got := output(strings.Split(strings.TrimSpace(`
2026-11-23T14:41:54.217000000Z stdout P one 
2026-11-23T14:41:54.217000000Z stderr P two 
2026-11-23T14:41:54.217000000Z stdout F and one
2026-11-23T14:41:54.217000000Z stdout F three
2026-11-23T14:41:54.217000000Z stderr F and two
no line of a log
2026-11-23T14:41:54.217000000Z stdout F `), "\n"))
	want := []string{"one and one", "two and two", "three"}
	if !slices.Equal(got[:3], want) {
		t.Errorf("%q", got)
	}
}

// Of a long log, the last lines are shown, and none of them is half a line.
func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sh-1.log")
	var log strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&log, "2026-11-23T14:41:54.217000000Z stdout F line %d %s\n", i, strings.Repeat("x", 5000*(i%20)/19))
	}
	if err := os.WriteFile(path, []byte(log.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	lines := tail(path)
	if len(lines) == 0 || len(lines) > tailLines || !strings.HasPrefix(lines[len(lines)-1], "line 4999 ") {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "line ") {
			t.Errorf("%.40q", line)
		}
	}
	if lines := tail(path + "x"); lines != nil {
		t.Errorf("of no log, %q", lines)
	}
}
