package report_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
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
		held := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before, peak, writes, written := held(), int64(0), 0, 0
		watch := writerFunc(func(p []byte) (int, error) {
			if writes++; writes%30 == 0 {
				peak = max(peak, held())
			}
			written += len(p)
			return len(p), nil
		})
		_, err := report.Write(watch, format, "r", &events{count: 4 * jobs, next: next}, report.Options{})
		require.NoError(t, err)
		if grown := peak - before; grown > 20<<20 {
			t.Errorf("%s: %d MB are held for %d jobs, whose commands have %d MB", format, grown>>20, jobs, jobs*size>>20)
		}
		if format != report.Mermaid && written < jobs*size/2 {
			t.Errorf("%s: %d bytes are written", format, written)
		}
	}
}
