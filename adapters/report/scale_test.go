package report_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

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
