package shell_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/shell"
)

// chunk generates one write of a command: lines, pieces of lines, long ones, and bytes
// that are not text.
func chunk() *rapid.Generator[string] {
	long := rapid.Custom(func(t *rapid.T) string {
		n := rapid.SampledFrom([]int{1, shell.MaxPiece, shell.BufferSize}).Draw(t, "about")
		return strings.Repeat("x", max(0, n+rapid.IntRange(-2, 2).Draw(t, "off")))
	})
	short := rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ab\n\r\x00 é")), 0, 12, -1),
		rapid.SampledFrom([]string{"\n", "\n\n", "\r\n", "\xff\xfe", "a line\n", "2026-11-23T14:41:54.217000000Z stdout F not a line\n"}))
	return rapid.OneOf(short, short, short, long)
}

// cut splits text at random places.
func cut(t *rapid.T, text string) []string {
	var parts []string
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 40), 0, 20).Draw(t, "cuts") {
		n = min(n, len(text))
		parts = append(parts, text[:n])
		text = text[n:]
	}
	return append(parts, text)
}

// The pieces of a log, put together, are the output to the byte, however it was split and
// delayed.
func TestLogIsTheOutput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(chunk(), 0, 8).Draw(t, "chunks"), "")
		var log bytes.Buffer
		out, err := shell.NewOutput(&log, ticking(time.Millisecond), nil)
		require.NoError(t, err)
		flushed := false
		for _, part := range cut(t, text) {
			out.Write([]byte(part))
			require.LessOrEqual(t, out.Held(), shell.MaxPiece)
			if rapid.IntRange(0, 9).Draw(t, "wait") == 9 {
				out.Flush()
				flushed = true
			}
		}
		out.End()
		entries := parseLog(t, log.String())
		require.Equal(t, text, assemble(entries).stdout)
		if !flushed {
			checkPieces(t, entries, text)
		}
		for i := 1; i < len(entries); i++ {
			if entries[i].at < entries[i-1].at {
				t.Fatalf("%s comes after %s", entries[i].at, entries[i-1].at)
			}
		}
	})
}

// checkPieces checks that no line is split needlessly.
func checkPieces(t *rapid.T, entries []logEntry, text string) {
	var want []logEntry
	for line := range strings.SplitAfterSeq(text, "\n") {
		line, ended := strings.CutSuffix(line, "\n")
		for len(line) > shell.MaxPiece {
			want = append(want, logEntry{tag: "P", text: line[:shell.MaxPiece]})
			line = line[shell.MaxPiece:]
		}
		switch {
		case ended:
			want = append(want, logEntry{tag: "F", text: line})
		case line != "":
			want = append(want, logEntry{tag: "P", text: line})
		}
	}
	for i := range entries {
		entries[i] = logEntry{tag: entries[i].tag, text: entries[i].text}
	}
	require.Equal(t, want, entries)
}

// The same holds for a command: the log has each of its outputs, complete and apart from
// the other.
func TestLogOfACommand(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		here := fresh(t, folder)
		var want output
		var cmd strings.Builder
		for i, text := range rapid.SliceOfN(chunk(), 0, 6).Draw(t, "chunks") {
			require.NoError(t, os.WriteFile(filepath.Join(here, fmt.Sprint(i)), []byte(text), 0o600))
			if rapid.Bool().Draw(t, "stderr") {
				fmt.Fprintf(&cmd, "cat %d >&2\n", i)
				want.stderr += text
			} else {
				fmt.Fprintf(&cmd, "cat %d\n", i)
				want.stdout += text
			}
		}
		r := runIn(t, here, context.Background(), one(t, func(ctx context.Context, sh *shell.Shell) error {
			return sh.Run(ctx, cmd.String())
		}), shell.Options{})
		if got := firstLog(t, r, "job"); r.err != nil || got != want {
			t.Fatalf("%v\ngot  %q\nwant %q", r.err, got, want)
		}
	})
}

// The log has stdout and stderr in the order and with the times in which they arrived.
func TestOrderOfOutputs(t *testing.T) {
	folder, began := t.TempDir(), time.Now()
	r := runIn(t, folder, t.Context(), one(t, func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, `logged() { until grep -qs " F $1" logs/jobs/job/sh-1.log; do sleep .01; done; }
			for i in 1 2 3; do echo o$i; logged o$i; echo e$i >&2; logged e$i; done`)
	}), shell.Options{})
	entries := parseLog(t, contents(t, filepath.Join(r.logs, "jobs", "job", "sh-1.log")))
	var got []string
	last := began.Add(-time.Second)
	for _, e := range entries {
		got = append(got, e.text)
		at, err := time.Parse(time.RFC3339Nano, e.at)
		if err != nil || !at.After(last) || at.After(time.Now()) {
			t.Errorf("%s comes at %v, after %v, %v", e.text, at, last, err)
		}
		last = at
	}
	if want := strings.Fields("o1 e1 o2 e2 o3 e3"); r.err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v", got, r.err)
	}
}

// The log can be read while the command runs: lines at once, and the beginning of a line
// after a second.
func TestLogCanBeFollowed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	log := filepath.Join(folder, "logs", "jobs", "job", "sh-1.log")
	r := runIn(t, folder, t.Context(), one(t, func(ctx context.Context, sh *shell.Shell) error {
		go func() {
			// At least one line comes sooner than a piece would. The machine may have
			// other things to do for a while.
			for i, quick := 0, false; !quick; i++ {
				start := time.Now()
				waitFor(t, log, fmt.Sprintf(" F line %d\n", i))
				quick = time.Since(start) < 500*time.Millisecond
				if i == 100 {
					t.Error("no line was there before 500 ms")
					quick = true
				}
				if quick {
					assert.NoError(t, os.WriteFile(filepath.Join(folder, "quick"), nil, 0o600))
				}
				assert.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprint("seen", i)), nil, 0o600))
			}
			waitFor(t, log, " P Go on? \n")
			waitFor(t, log, " P dots....")
			assert.NoError(t, os.WriteFile(filepath.Join(folder, "yes"), nil, 0o600))
		}()
		// The dots never pause for long, and do not put the piece off for ever.
		return sh.Run(ctx, `i=0; until [ -e quick ]; do echo line $i; until [ -e seen$i ]; do sleep .01; done; i=$((i+1)); done; printf 'Go on? '; sleep 1.3; printf 'dots'; until [ -e yes ]; do printf .; sleep .1; done; echo yes`)
	}), shell.Options{})
	entries := parseLog(t, contents(t, log))
	if last := entries[len(entries)-1]; r.err != nil || last.tag != "F" || !strings.HasSuffix(last.text, "yes") {
		t.Errorf("got %v, %+v", r.err, entries)
	}
}

// A piece is due a second after it has begun, whatever was written before it.
func TestPiecesAreDue(t *testing.T) {
	out, err := shell.NewOutput(discard{}, time.Now, nil)
	require.NoError(t, err)
	var last time.Time
	for i, step := range []struct{ text, due string }{
		{"a line\n", "never"}, {"do", "anew"}, {"ts", "as before"}, {".", "as before"},
		{"\nanother", "anew"}, {".\n\nand", "anew"}, {".\n", "never"},
		{strings.Repeat("x", shell.MaxPiece), "anew"}, {"x", "anew"}, {"x", "as before"},
	} {
		time.Sleep(2 * time.Millisecond) // so that the clock goes on
		out.Write([]byte(step.text))
		due, got := out.Due(), "anew"
		switch {
		case due.IsZero():
			got = "never"
		case due.Equal(last):
			got = "as before"
		case !due.After(last):
			got = "earlier"
		}
		assert.Equal(t, step.due, got, "step %d: due", i+1)
		last = due
	}
	if out.Flush(); !out.Due().IsZero() {
		t.Error("nothing is held, and due")
	}
}

// Memory does not grow with the output.
func TestLongLineTakesLittleMemory(t *testing.T) {
	out, err := shell.NewOutput(discard{}, time.Now, []string{"a secret that is never there"})
	require.NoError(t, err)
	part := bytes.Repeat([]byte("x"), shell.BufferSize)
	out.Write(part)
	allocated := testing.AllocsPerRun(100, func() { out.Write(part) })
	if allocated > 0 {
		t.Errorf("%v allocations for each part", allocated)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// A log has a limit for its size. When it reaches the limit, it ends with a line that says
// so; the lines before are the beginning of the unlimited log.
func TestMaxLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(300, 20_000).Draw(t, "limit")
		text := strings.Join(rapid.SliceOfN(chunk(), 0, 8).Draw(t, "chunks"), "")
		parts := cut(t, text)
		var whole, limited bytes.Buffer
		for log, limit := range map[*bytes.Buffer]int64{&whole: math.MaxInt64, &limited: limit} {
			out, err := shell.NewLimitedOutput(log, ticking(0), limit)
			require.NoError(t, err)
			for _, part := range parts {
				out.Write([]byte(part))
				out.Flush()
			}
			if out.End(); !out.Due().IsZero() {
				t.Fatal("something is still to be written")
			}
		}
		if limited.String() == whole.String() {
			return
		}
		entries := parseLog(t, limited.String())
		last := entries[len(entries)-1]
		require.LessOrEqual(t, int64(limited.Len()), limit)
		require.Contains(t, last.text, fmt.Sprintf("limit of %d bytes", limit))
		before := strings.TrimSuffix(limited.String(), fmt.Sprintf("%s %s %s %s\n", last.at, last.stream, last.tag, last.text))
		require.True(t, strings.HasPrefix(whole.String(), before), "%q is not the beginning of %q", before, whole.String())
		require.GreaterOrEqual(t, int64(len(before)+strings.IndexByte(whole.String()[len(before):], '\n')), limit-300, "there was room for more: %d bytes of %d", len(before), limit)
	})
}

// A command whose log is full continues.
func TestCommandsOutliveTheirLogs(t *testing.T) {
	var copied bytes.Buffer
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, "yes '' | head -c 1000000; yes | head -c 1000000 >&2; echo done > done")
	}), shell.Options{MaxLog: 4096, Output: &copied})
	require.NoError(t, r.err)
	if log := contents(t, filepath.Join(r.logs, "jobs", "job", "sh-1.log")); len(log) > 4096 || len(log) < 3800 || log != copied.String() {
		t.Errorf("a log of %d bytes, and a copy of %d:\n%.300s", len(log), copied.Len(), log)
	}
	assert.Equal(t, "done\n", contents(t, filepath.Join(filepath.Dir(r.logs), "done")), "it has not come to its end")
}

// Logs are never mixed with others.
func TestLogsOfAnotherRun(t *testing.T) {
	folder := t.TempDir()
	options := shell.Options{Logs: filepath.Join(folder, "a", "b")}
	p := one(t, func(ctx context.Context, sh *shell.Shell) error { return sh.Run(ctx, "echo hi") })
	run(t, p, options)
	before := contents(t, filepath.Join(options.Logs, "jobs", "job", "sh-1.log"))
	_, err := p.Run(t.Context(), options)
	assert.ErrorIs(t, err, shell.ErrLogsExist)
	assert.Equal(t, before, contents(t, filepath.Join(options.Logs, "jobs", "job", "sh-1.log")), "the log has changed")
}
