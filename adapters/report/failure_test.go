package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// many is a stream long enough to be written in several pieces.
func many() []domain.Entry {
	var entries []domain.Entry
	add := func(event domain.Event) {
		n := int64(len(entries))
		entries = append(entries, domain.Entry{Event: event, Position: domain.Position{Line: n + 1, Offset: 50 * n}})
	}
	add(domain.NewJobStarted(0, "a"))
	for i := range int64(20_000) {
		add(domain.NewShStarted(i, "a", strings.Repeat("x", 50)))
		add(domain.NewShFinished(i+1, "a", 0))
	}
	return entries
}

var errBroken = errors.New("the stream is broken")

// If the stream cannot be read to its end, a report that is written as a whole is not written at
// all.
func TestBrokenStream(t *testing.T) {
	for _, kind := range report.Kinds() {
		format := kind.Name
		broken := stream(fixtures(t)["../../fixtures/rapid-ci.jsonl"])
		broken.err = errBroken
		var out bytes.Buffer
		_, err := report.Write(&out, format, "run-1", broken, report.Options{Projections: allFor(format)})
		assert.ErrorIs(t, err, errBroken, "%s: %v, and wrote %q", format, err, out.String())
		assert.LessOrEqual(t, out.Len(), 0, "%s: %v, and wrote %q", format, err, out.String())
	}
}

// A writer that fails, at once or later, ends the report with its error, reported once. Nothing is
// written after it, and no goroutine is left behind.
func TestBrokenWriter(t *testing.T) {
	entries := many()
	before := runtime.NumGoroutine()
	for _, kind := range report.Kinds() {
		format := kind.Name
		for _, after := range []int{0, 1, 2} {
			writes, failed := 0, false
			_, err := report.Write(writerFunc(func(p []byte) (int, error) {
				assert.False(t, failed, "%s: a write after the one that failed", format)
				if failed = writes == after; failed {
					return 0, errBroken
				}
				writes++
				return len(p), nil
			}), format, "run-1", stream(entries), report.Options{Projections: allFor(format)})
			if failed != errors.Is(err, errBroken) || err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, failing after %d writes: %v", format, after, err)
			}
		}
	}
	assert.True(t, waittest.Until(func() bool { return runtime.NumGoroutine() <= before }), "%d goroutines stay behind", runtime.NumGoroutine()-before)
}

// The batches in which a stream is read do not change the report.
func TestBatchesDoNotMatter(t *testing.T) {
	entries := many()
	for _, format := range []report.Format{report.JSON, report.NDJSON} {
		var want string
		for _, size := range []int{1, 7, 5000, 1 << 20} {
			s := stream(entries)
			s.size = size
			var out bytes.Buffer
			_, err := report.Write(&out, format, "run-1", s, report.Options{})
			require.NoError(t, err)
			if want == "" {
				want = out.String()
			}
			assert.Equal(t, want, out.String(), "%s in batches of %d differs", format, size)
		}
		assert.Equal(t, "20000", fmt.Sprint(strings.Count(want, `"cmd"`)), format)
	}
}

// A report's allocations do not grow with the number of events and rows, except for text that it
// has to keep.
func TestNothingIsAllocatedPerRow(t *testing.T) {
	next := func(i int) domain.Event {
		job := []string{"a", "b"}[i/2%2]
		if i%2 == 0 {
			return domain.NewShStarted(int64(i), job, "make")
		}
		return domain.NewShFinished(int64(i), job, 0)
	}
	for format, chosen := range map[report.Format][]*projections.Definition{report.JSON: nil, report.NDJSON: nil, report.CSV: only("sh_events")} {
		allocated := func(count int) float64 {
			return testing.AllocsPerRun(3, func() {
				if _, err := report.Write(io.Discard, format, "r", &events{count: count, next: next}, report.Options{Projections: chosen}); err != nil {
					t.Error(err)
				}
			})
		}
		if few, many := allocated(5_000), allocated(20_000); (many-few)/15_000 > 0.02 {
			t.Errorf("%s: %v allocations for 5,000 events, %v for 20,000", format, few, many)
		}
	}
}
