package report_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// A run whose stream has no run_finished is never shown as complete.
func TestNoRunIsGreenWithoutItsEnd(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		run := record(t, entries).Run
		if run.Ended || run.State != projections.Complete {
			return
		}
		only := report.Options{Color: true, Projections: only("run")}
		table, markdown := write(t, report.Table, entries, only), write(t, report.Markdown, entries, only)
		if !strings.HasPrefix(table, "\x1b[33m◐ run-1 complete so far\x1b[0m ") || !strings.HasPrefix(markdown, "### 🟡 run-1 complete so far\n") {
			t.Fatalf("%q\n%q", table, markdown)
		}
		for _, green := range []string{"✓", "✅", "\x1b[32m"} {
			if strings.Contains(table+markdown, green) {
				t.Fatalf("%q\n%q", table, markdown)
			}
		}
	})
}

// The meaning of a command's exit code depends on the outcome of its job.
func TestCodesOtherThanZero(t *testing.T) {
	events := func(job string, outcome domain.Outcome) []domain.Event {
		all := []domain.Event{domain.NewJobStarted(0, job), domain.NewShStarted(0, job, "probe"), domain.NewShFinished(1, job, 7)}
		if outcome != domain.NoOutcome {
			all = append(all, domain.NewJobFinished(2, job, outcome))
		}
		return all
	}
	for _, test := range []struct {
		outcome                   domain.Outcome
		headline, table, markdown string
	}{
		{domain.Complete, "1 command · ", "exit 7", "| exit 7 | a |"},
		{domain.NoOutcome, "1 command · ", "exit 7", "| exit 7 | a |"},
		{domain.Failed, "1 command (1 failed) · ", "✗ failed", "| ❌ | a |"},
	} {
		entries := laws.Entries(events("a", test.outcome))
		table, markdown := write(t, report.Table, entries, report.Options{}), write(t, report.Markdown, entries, report.Options{})
		rows := strings.Split(table, "\n\n")[2]
		if !strings.Contains(table, test.headline) || !strings.Contains(rows, test.table) ||
			!strings.Contains(markdown, test.headline) || !strings.Contains(markdown, test.markdown) {
			t.Errorf("%v:\n%s\n%s", test.outcome, table, markdown)
		}
	}
}

// An id that is a number is not read as a count.
func TestNumericRunIDs(t *testing.T) {
	for id, want := range map[string]string{"1": "run 1: failed", "2026-11-27": "run 2026-11-27: failed", "": `run "": failed`, "run-1": "run-1 failed", "7a": "7a failed"} {
		var table, markdown strings.Builder
		entries := laws.Entries([]domain.Event{domain.NewRunFinished(0, domain.Failed)})
		only := report.Options{Projections: only("run")}
		for format, out := range map[report.Format]*strings.Builder{report.Table: &table, report.Markdown: &markdown} {
			_, err := report.Write(out, format, domain.RunID(id), stream(entries), only)
			require.NoError(t, err)
		}
		if !strings.HasPrefix(table.String(), "✗ "+want+"   ") || !strings.HasPrefix(markdown.String(), "### ❌ "+want+"\n") {
			t.Errorf("%q:\n%s%s", id, table.String(), markdown.String())
		}
	}
}

// events is a stream that is never in memory as a whole.
type events struct {
	n, count int
	next     func(i int) domain.Event
	batch    []domain.Entry
}

func (e *events) Next() ([]domain.Entry, error) {
	e.batch = e.batch[:0]
	for range min(1000, e.count-e.n) {
		e.batch = append(e.batch, domain.Entry{Event: e.next(e.n), Position: domain.Position{Line: int64(e.n + 1)}})
		e.n++
	}
	if len(e.batch) == 0 {
		return stream(nil).Next()
	}
	return e.batch, nil
}

// The memory for tables and Markdown is bounded, however long a stream is: open commands, commands
// whose exit codes are not judged yet, commands of any length, diagnostics.
func TestWhatIsShownBoundsTheMemory(t *testing.T) {
	long := domain.NewShStarted(1, "a", strings.Repeat("x", 5000))
	for name, next := range map[string]func(i int) domain.Event{
		"open":   func(i int) domain.Event { return domain.NewShStarted(1, "a", "make") },
		"orphan": func(i int) domain.Event { return domain.NewShFinished(1, "a", 0) },
		"codes": func(i int) domain.Event {
			if i%2 == 0 {
				return long
			}
			return domain.NewShFinished(1, "a", 1)
		},
	} {
		for _, format := range []report.Format{report.Table, report.Markdown} {
			if held, _ := held(t, format, &events{count: 200_000, next: next}); held > 80<<20 {
				t.Errorf("%s (%s): %d MB are held", format, name, held>>20)
			}
		}
	}
}

// The memory for traces, test reports and charts is proportional to the jobs and what is open, not
// to the commands.
func TestClosedCommandsAreNotHeld(t *testing.T) {
	const jobs, size = 10_000, 10_000
	next := func(i int) domain.Event {
		job, at := fmt.Sprint(i/4), int64(i)
		switch i % 4 {
		case 0:
			return domain.NewJobStarted(at, job)
		case 1:
			return domain.NewShStarted(at, job, strings.Repeat("x", size))
		case 2:
			return domain.NewShFinished(at, job, 1)
		}
		return domain.NewJobFinished(at, job, domain.Failed)
	}
	for _, format := range []report.Format{report.Trace, report.JUnit, report.Mermaid} {
		held, written := held(t, format, &events{count: 4 * jobs, next: next})
		if held > 20<<20 {
			t.Errorf("%s: %d MB are held for %d jobs, whose commands have %d MB", format, held>>20, jobs, jobs*size>>20)
		}
		if format != report.Mermaid && written < jobs*size/2 {
			t.Errorf("%s: %d bytes are written", format, written)
		}
	}
}

// held returns the largest growth of the heap while a report is written, and the report's size.
func held(t *testing.T, format report.Format, s projections.Stream) (grown int64, written int) {
	t.Helper()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC() // only what the report still needs is left
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, writes := heap(), 0
	_, err := report.Write(writerFunc(func(p []byte) (int, error) {
		if writes++; writes%30 == 1 {
			grown = max(grown, heap()-before)
		}
		written += len(p)
		return len(p), nil
	}), format, "r", s, report.Options{})
	require.NoError(t, err)
	return grown, written
}
