package projections_test

import (
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestLaws(t *testing.T) {
	obey(t, "run", projections.Runs, modelRun)
	obey(t, "jobs", projections.Jobs, modelJobs)
	obey(t, "sh_events", projections.ShEvents, modelShEvents)
	obey(t, "timings.run", projections.RunTimings, modelRunTiming)
	obey(t, "timings.jobs", projections.JobTimings, modelJobTimings)
	obey(t, "timings.sh_events", projections.ShTimings, modelShTimings)
	obey(t, "timings.slowest", projections.Slowest, modelSlowest)
	obey(t, "diagnostics", projections.Diagnostics, modelDiagnostics)
}

func obey[R comparable](t *testing.T, name string, newProjection func() projections.Projection[R], model func([]domain.Entry) []R) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		if got := newProjection().Name(); got != name {
			t.Errorf("the projection calls itself %q", got)
		}
		laws.Check(t, newProjection)
		t.Run("resumable from what is open", func(t *testing.T) { laws.ResumableOpen(t, newProjection) })
		t.Run("model", func(t *testing.T) { laws.Model(t, newProjection, model) })
	})
}

func TestJobsAreIndependent(t *testing.T) {
	t.Run("jobs", func(t *testing.T) {
		laws.Independent(t, projections.Jobs, func(row projections.Job) string { return row.JobID })
	})
	t.Run("sh_events", func(t *testing.T) {
		laws.Independent(t, projections.ShEvents, func(row projections.ShEvent) string { return row.JobID })
	})
	t.Run("timings.jobs", func(t *testing.T) {
		laws.Independent(t, projections.JobTimings, func(row projections.JobTiming) string { return row.JobID })
	})
	t.Run("timings.sh_events", func(t *testing.T) {
		laws.Independent(t, projections.ShTimings, func(row projections.ShTiming) string { return row.JobID })
	})
}
