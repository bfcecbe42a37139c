package laws

import (
	"fmt"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// independent is the law that [Independent] adds.
func independent[R comparable](jobOf func(R) string) law[R] {
	return func(newProjection maker[R], stream []domain.Entry) error {
		want := byJob(observe(newProjection()).apply(stream...).outcome(), jobOf)
		for _, i := range exchangeable(stream) {
			got := byJob(observe(newProjection()).apply(exchange(stream, i)...).outcome(), jobOf)
			if err := sameJobs(got, want); err != nil {
				return fmt.Errorf("entries %d and %d exchanged: %w", i, i+1, err)
			}
		}
		return nil
	}
}

// exchangeable returns each i for which entries i and i+1 are neighbours that a scheduler could
// have exchanged.
//
// The first event stays, because the run begins with it and offsets are measured from it. Lines
// without a job stay, too: those without an event, and a RunFinished, which makes the following
// events late. Unknown events stay even if they name a job, because their meaning is unknown.
//
// All other pairs may be exchanged. An event keeps its time, so durations do not change; the clock
// may then run backwards from one line to the next, but a job's rows do not show that.
func exchangeable(stream []domain.Entry) []int {
	var at []int
	begun := false // there was an event before i
	for i := range max(len(stream)-1, 0) {
		a, b := &stream[i], &stream[i+1]
		if begun && ofJob(a.Kind) && ofJob(b.Kind) && a.JobID != b.JobID {
			at = append(at, i)
		}
		begun = begun || a.Kind != domain.NoEvent
	}
	return at
}

func ofJob(kind domain.Kind) bool {
	switch kind {
	case domain.JobStarted, domain.JobFinished, domain.ShStarted, domain.ShFinished:
		return true
	}
	return false
}

// exchange returns the stream with events i and i+1 exchanged. Lines keep their positions, as if
// they had been written in the new order.
func exchange(stream []domain.Entry, i int) []domain.Entry {
	stream = slices.Clone(stream)
	stream[i].Event, stream[i+1].Event = stream[i+1].Event, stream[i].Event
	return stream
}

// byJob returns each job's rows in order, without their index.
func byJob[R comparable](o outcome[R], jobOf func(R) string) map[string][]projections.Row[R] {
	jobs := map[string][]projections.Row[R]{}
	for _, row := range o.rows() {
		row.Index = 0
		job := jobOf(row.Value)
		jobs[job] = append(jobs[job], row)
	}
	return jobs
}

func sameJobs[R comparable](got, want map[string][]projections.Row[R]) error {
	for _, job := range slices.Sorted(maps.Keys(want)) {
		if err := differ(fmt.Sprintf("job %q:", job), got[job], want[job]); err != nil {
			return err
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("rows of %d jobs, not %d", len(got), len(want))
	}
	return nil
}

// asModel is the law that [Model] adds.
func asModel[R comparable](model func([]domain.Entry) []R) law[R] {
	return func(newProjection maker[R], stream []domain.Entry) error {
		rows := observe(newProjection()).apply(stream...).outcome().rows()
		want := model(slices.Clone(stream))
		for i := range min(len(rows), len(want)) {
			if rows[i].Value != want[i] {
				return fmt.Errorf("row %d is %+v, the model says %+v", i, rows[i].Value, want[i])
			}
		}
		if len(rows) != len(want) {
			return fmt.Errorf("%d rows, the model says %d: %+v", len(rows), len(want), want)
		}
		return nil
	}
}
