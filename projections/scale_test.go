package projections_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// ring returns a stream of jobs. At any time, atOnce jobs run and take turns; each runs its sh one after
// the other.
func ring(jobs, atOnce, sh int) (stream []domain.Entry) {
	emit := func(event domain.Event) {
		event.AtMs = int64(len(stream))
		stream = append(stream, domain.Entry{Event: event, Position: domain.Position{Line: int64(len(stream)) + 1}})
	}
	for from := 0; from < jobs; from += atOnce {
		ids := make([]string, min(atOnce, jobs-from))
		for i := range ids {
			ids[i] = fmt.Sprintf("job-%d", from+i)
			emit(jobStarted(0, ids[i]))
		}
		for range sh {
			for _, id := range ids {
				emit(shStarted(0, id, "go test ./"+id))
			}
			for _, id := range ids {
				emit(shFinished(0, id, 0))
			}
		}
		for _, id := range ids {
			emit(jobFinished(0, id, complete))
		}
	}
	return stream
}

// The laws use streams of a few jobs. A stream of thousands gives the rows that follow
// from its construction, even if the fold is restored in the middle.
func TestThousandsOfJobs(t *testing.T) {
	const jobs, atOnce, sh = 3000, 1500, 2
	stream := ring(jobs, atOnce, sh)
	for _, cut := range []int{0, 1, 511, 513, atOnce, len(stream) / 2, len(stream) - 1} {
		record := projectInTwo(t, stream, cut)
		require.Empty(t, record.Diagnostics, "cut at %d", cut)
		for i := range jobs {
			checkRingJob(t, record, i, atOnce, sh)
		}
		if got, want := len(record.ShEvents), jobs*sh; got != want {
			t.Fatalf("cut at %d: %d sh, want %d", cut, got, want)
		}
		for i, row := range record.ShEvents {
			checkRingSh(t, i, row, atOnce, sh)
		}
		assert.Equal(t, atOnce, record.Timings.Run.PeakJobs, "cut at %d: peak_jobs", cut)
	}
}

func checkRingJob(t *testing.T, record *projections.Record, i, atOnce, sh int) {
	t.Helper()
	round := int64(2*atOnce + 2*atOnce*sh) // events of the jobs that run together
	started := round*int64(i/atOnce) + int64(i%atOnce)
	finished := started + round - int64(atOnce)
	job := projections.Job{JobID: fmt.Sprintf("job-%d", i), State: projections.Complete, StartedAtMs: ms(started), FinishedAtMs: ms(finished), ExitCode: code(0)}
	require.Equal(t, job, record.Jobs[i], "jobs[%d]", i)
	inSh := int64(atOnce * sh)
	timing := projections.JobTiming{
		JobID: job.JobID, OffsetMs: ms(started), DurationMs: ms(finished - started), ShCount: sh, ShMs: ms(inSh), GapMs: ms(finished - started - inSh),
	}
	require.Equal(t, timing, record.Timings.Jobs[i], "timings.jobs[%d]", i)
}

func checkRingSh(t *testing.T, i int, row projections.ShEvent, atOnce, sh int) {
	t.Helper()
	group, inGroup := i/(atOnce*sh), i%(atOnce*sh)
	job := fmt.Sprintf("job-%d", group*atOnce+inGroup%atOnce)
	if row.JobID != job || row.Seq != inGroup/atOnce+1 || row.Cmd != "go test ./"+job || row.FinishedAtMs != ms(row.StartedAtMs+int64(atOnce)) {
		t.Fatalf("sh_events[%d] is %+v, want the one of %s", i, row, job)
	}
}

// Jobs are found by a hash of their id. Among so many, some hashes are equal.
func TestJobsOfTheSameHash(t *testing.T) {
	const jobs = 300_000
	rows := 0
	fold := projections.NewFold("run", counting(projections.Jobs, &rows))
	for i := range jobs {
		fold.Apply(&domain.Entry{Event: jobStarted(0, strconv.Itoa(i))})
	}
	for i := range jobs {
		fold.Apply(&domain.Entry{Event: jobFinished(1, strconv.Itoa(i), complete)})
	}
	if rows != jobs || fold.Run().JobCount() != jobs {
		t.Errorf("%d jobs have %d rows; the tracker knows %d", jobs, rows, fold.Run().JobCount())
	}
}
