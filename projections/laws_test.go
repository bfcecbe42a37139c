package projections_test

import (
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestLaws(t *testing.T) {
	obey(t, "run", projections.Runs, modelRun)
	obey(t, "jobs", projections.Jobs, modelJobs, laws.Independent(func(row projections.Job) string { return row.JobID }))
	obey(t, "sh_events", projections.ShEvents, modelShEvents, laws.Independent(func(row projections.ShEvent) string { return row.JobID }))
	obey(t, "timings.run", projections.RunTimings, modelRunTiming)
	obey(t, "timings.jobs", projections.JobTimings, modelJobTimings, laws.Independent(func(row projections.JobTiming) string { return row.JobID }))
	obey(t, "timings.sh_events", projections.ShTimings, modelShTimings, laws.Independent(func(row projections.ShTiming) string { return row.JobID }))
	obey(t, "timings.slowest", projections.Slowest, modelSlowest)
	obey(t, "diagnostics", projections.Diagnostics, modelDiagnostics)
}

func obey[R comparable](t *testing.T, name string, newProjection func() projections.Projection[R], model func([]domain.Entry) []R, options ...laws.Option) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		if got := newProjection().Name(); got != name {
			t.Errorf("the projection calls itself %q", got)
		}
		laws.Check(t, newProjection, append(options, laws.Model(model))...)
	})
}
