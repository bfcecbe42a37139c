package report_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// expected returns the lines, computed in the obvious way: after each entry the rows that became
// final, at the end those that never did, followed by the summaries.
func expected(t rapid.TB, entries []domain.Entry) []string {
	t.Helper()
	var lines []string
	collect := func(section string) func(any) {
		return func(value any) {
			head := `{"projection":"` + section + `","run_id":"run-1",`
			row := strings.TrimSuffix(marshal(t, value), "\n")
			lines = append(lines, head+strings.Replace(row[1:], `"run_id":"run-1",`, "", 1))
		}
	}
	fold := projections.NewFold("run-1",
		each(projections.LabelRows, collect("labels")),
		each(projections.Jobs, collect("jobs")),
		each(projections.ShEvents, collect("sh_events")),
		each(projections.JobTimings, collect("timings.jobs")),
		each(projections.ShTimings, collect("timings.sh_events")),
		each(projections.Diagnostics, collect("diagnostics")),
		each(projections.RunTimings, collect("timings.run")),
		each(projections.Slowest, collect("timings.slowest")),
		each(projections.Runs, collect("run")),
	)
	for i := range entries {
		fold.Apply(&entries[i])
	}
	fold.Open()
	return lines
}

func each[R comparable](of *projections.Defined[R], collect func(any)) projections.Member {
	return of.Into(func(row *projections.Row[R]) { collect(row.Value) })
}

func TestNDJSON(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		want := expected(t, entries)
		for _, live := range []bool{false, true} {
			got := strings.Split(strings.TrimSuffix(write(t, report.NDJSON, entries, report.Options{Live: live}), "\n"), "\n")
			if !slices.Equal(got, want) {
				t.Fatalf("live %v: the lines are\n%s\nwant\n%s", live, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

// Rows of a live stream are written before the report waits for more of the stream.
func TestLiveRowsDoNotWait(t *testing.T) {
	lines := make(chan string, 100)
	s := &slow{entries: []domain.Event{
		domain.NewJobStarted(1, "a"),
		domain.NewJobFinished(2, "a", domain.Complete),
		domain.NewJobStarted(3, "b"),
	}, before: map[int]func(){
		// When the report reads the third entry, the rows of the second have been written.
		2: func() {
			if line := <-lines; !strings.Contains(line, `"projection":"jobs"`) || !strings.Contains(line, `"job_id":"a"`) {
				t.Errorf("the first line is %s", line)
			}
		},
	}}
	if _, err := report.Write(writerFunc(func(p []byte) (int, error) {
		lines <- string(p)
		return len(p), nil
	}), report.NDJSON, "run-1", s, report.Options{Live: true}); err != nil {
		t.Fatal(err)
	}
}

// slow yields entries one by one, and calls a function before some of them.
type slow struct {
	entries []domain.Event
	before  map[int]func()
	given   int
}

func (s *slow) Next() ([]domain.Entry, error) {
	if f := s.before[s.given]; f != nil {
		f()
	}
	if s.given == len(s.entries) {
		return stream(nil).Next()
	}
	s.given++
	return []domain.Entry{{Event: s.entries[s.given-1], Position: domain.Position{Line: int64(s.given)}}}, nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
