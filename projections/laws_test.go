package projections_test

import (
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestLaws(t *testing.T) {
	obey(t, "run", projections.Runs.New, modelRun)
	obey(t, "labels", projections.LabelRows.New, modelLabels)
	obey(t, "runs", projections.RunTable.New, modelRunRow)
	obey(t, "jobs", projections.Jobs.New, modelJobs, laws.Independent(func(row projections.Job) string { return row.JobID }))
	obey(t, "sh_events", projections.ShEvents.New, modelShEvents, laws.Independent(func(row projections.ShEvent) string { return row.JobID }))
	obey(t, "timings.run", projections.RunTimings.New, modelRunTiming)
	obey(t, "timings.jobs", projections.JobTimings.New, modelJobTimings, laws.Independent(func(row projections.JobTiming) string { return row.JobID }))
	obey(t, "timings.sh_events", projections.ShTimings.New, modelShTimings, laws.Independent(func(row projections.ShTiming) string { return row.JobID }))
	obey(t, "timings.slowest", projections.Slowest.New, modelSlowest)
	obey(t, "diagnostics", projections.Diagnostics.New, modelDiagnostics)
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
