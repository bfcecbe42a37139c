package projections_test

import (
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestLaws(t *testing.T) {
	obey(t, projections.Runs, modelRun)
	obey(t, projections.LabelRows, modelLabels)
	obey(t, projections.RunTable, modelRunRow)
	obey(t, projections.Jobs, modelJobs, laws.Independent(func(row projections.Job) string { return row.JobID }))
	obey(t, projections.ShEvents, modelShEvents, laws.Independent(func(row projections.ShEvent) string { return row.JobID }))
	obey(t, projections.RunTimings, modelRunTiming)
	obey(t, projections.JobTimings, modelJobTimings, laws.Independent(func(row projections.JobTiming) string { return row.JobID }))
	obey(t, projections.ShTimings, modelShTimings, laws.Independent(func(row projections.ShTiming) string { return row.JobID }))
	obey(t, projections.Slowest, modelSlowest)
	obey(t, projections.Diagnostics, modelDiagnostics)
}

func obey[R comparable](t *testing.T, of *projections.Defined[R], model func([]domain.Entry) []R, options ...laws.Option) {
	t.Run(of.Name, func(t *testing.T) {
		t.Parallel()
		laws.Check(t, of, append(options, laws.Model(model))...)
	})
}
