package shell_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/stretchr/testify/require"
)

// body is a job's body.
type body = func(context.Context, *shell.Shell) error

// one makes a pipeline of a single job, "job".
func one(t rapid.TB, run body) *shell.Pipeline {
	return pipeline(t, shell.Job{ID: "job", Run: run})
}

func pipeline(t rapid.TB, jobs ...shell.Job) *shell.Pipeline {
	t.Helper()
	p, err := shell.New(jobs...)
	require.NoError(t, err)
	return p
}

// recorded is the record of a run.
type recorded struct {
	result shell.Result
	err    error
	stream []byte
	events []domain.Event
	record *projections.Record
	logs   string
}

// run runs a pipeline and reads its stream. A stream with diagnostics fails the test.
func run(t testing.TB, p *shell.Pipeline, options shell.Options) recorded {
	t.Helper()
	return runIn(t, t.TempDir(), t.Context(), p, options)
}

func runIn(t rapid.TB, folder string, ctx context.Context, p *shell.Pipeline, options shell.Options) recorded {
	t.Helper()
	var stream bytes.Buffer
	if options.Logs == "" {
		options.Logs = filepath.Join(folder, "logs")
	}
	if options.Workspace == "" {
		options.Workspace = folder
	}
	if options.Sink == nil {
		options.Sink = jsonl.NewWriter(&stream)
	}
	r := recorded{logs: options.Logs}
	r.result, r.err = p.Run(ctx, options)
	r.stream = stream.Bytes()
	r.events, r.record = read(t, r.stream)
	if len(r.record.Diagnostics) > 0 {
		t.Fatalf("%+v in\n%s", r.record.Diagnostics, r.stream)
	}
	return r
}

// read reads a stream, which must be free of malformed lines.
func read(t rapid.TB, stream []byte) (events []domain.Event, record *projections.Record) {
	t.Helper()
	record, err := projections.Project("run", jsonl.NewReader(bytes.NewReader(stream), jsonl.Options{}))
	if err != nil {
		t.Fatalf("%v in\n%s", err, stream)
	}
	for entry, err := range jsonl.NewReader(bytes.NewReader(stream), jsonl.Options{}).All() {
		if err == nil && entry.Fault == domain.Sound {
			events = append(events, entry.Event)
		}
	}
	return events, record
}

// output is the content of a log: the text of each stream, put together as the format
// defines.
type output struct{ stdout, stderr string }

var logLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([FP]) (?s:(.*))$`)

// logEntry is a line of a log.
type logEntry struct {
	at                string
	stream, tag, text string
}

// parseLog reads a log in the CRI format. Every line must be complete.
func parseLog(t rapid.TB, text string) []logEntry {
	t.Helper()
	if text == "" {
		return nil
	}
	if !strings.HasSuffix(text, "\n") {
		t.Fatalf("the log ends in the middle of a line: %q", text)
	}
	var entries []logEntry
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		m := logLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("not a line of a log: %q", line)
		}
		if len(m[4]) > shell.MaxPiece {
			t.Fatalf("a piece of %d bytes", len(m[4]))
		}
		entries = append(entries, logEntry{m[1], m[2], m[3], m[4]})
	}
	return entries
}

// assemble puts the pieces together.
func assemble(entries []logEntry) output {
	var texts [2]strings.Builder
	for _, e := range entries {
		to := &texts[0]
		if e.stream == "stderr" {
			to = &texts[1]
		}
		to.WriteString(e.text)
		if e.tag == "F" {
			to.WriteByte('\n')
		}
	}
	return output{texts[0].String(), texts[1].String()}
}

// firstLog is the output of a job's first command.
func firstLog(t rapid.TB, r recorded, job string) output {
	t.Helper()
	return logOf(t, filepath.Join(r.logs, "jobs", job, "sh-1.log"))
}

func logOf(t rapid.TB, path string) output {
	t.Helper()
	return assemble(parseLog(t, contents(t, path)))
}

func contents(t rapid.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// ticking is a clock that advances by a step at each call.
func ticking(step time.Duration) func() time.Time {
	var mu sync.Mutex
	at := time.Unix(1795444880, 217e6)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(step)
		return at
	}
}

// newMark returns a mark that no other process has.
func newMark() string { return fmt.Sprint(rand.Int64()) }

// marked returns an environment that marks the processes of a run.
func marked(mark string) []string { return append(os.Environ(), "QUIRE_TEST_MARK="+mark) }

// survivors returns the ids of the processes that carry a mark.
func survivors(t rapid.TB, mark string) []string {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	var pids []string
	for _, path := range environs {
		// One that is gone by now, or dead and not reaped, has none.
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte("QUIRE_TEST_MARK="+mark+"\x00")) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// allGone waits until no process with a mark is left. A killed process takes a moment to
// end.
func allGone(t rapid.TB, mark string) {
	t.Helper()
	var left []string
	require.True(t, waittest.Until(func() bool { left = survivors(t, mark); return len(left) == 0 }), "still running: %v", left)
}

func needsProc(t testing.TB) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("needs /proc to look at processes")
	}
}

// asError is errors.As with the result returned.
func asError[E error](t rapid.TB, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want a %T", err, err, e)
	}
	return e
}
