package metrics_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

func written(id domain.RunID, state projections.State, labels ...domain.Label) store.WrittenRun {
	event := laws.RunStarted(0, labels...)
	row := store.Run{Run: projections.Run{RunID: id, State: state, FailedJobs: 2}, RunTiming: projections.RunTiming{WallMs: projections.Some[int64](3000)}}
	return store.WrittenRun{Run: row, Labels: event.Labels()}
}

func ended(run store.WrittenRun) store.WrittenRun {
	run.Ended, run.Ends = true, true
	return run
}

// A run is active until it has ended, or is forgotten; its end is counted once, with its result.
func TestRuns(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	runs := metrics.NewRuns(registry)
	now := time.Now()
	app := domain.Label{Key: "repo", Value: "https://example.com/app.git"}
	take := func(all ...store.WrittenRun) { runs.Written(all, now) }
	take(written("a", projections.Active, app), written("b", projections.Active))
	take(written("a", projections.Active, app))
	isGathered(t, registry, `cicd_pipeline_run_active{cicd_pipeline_name="",cicd_pipeline_run_state="executing"} 1
cicd_pipeline_run_active{cicd_pipeline_name="app",cicd_pipeline_run_state="executing"} 1
`, "cicd_pipeline_run_active")
	take(ended(written("a", projections.Failed, app)), ended(written("c", projections.Complete, domain.Label{Key: "pipeline", Value: "nightly"})))
	again := ended(written("a", projections.Failed, app))
	again.Ends = false // an event after the end
	take(again)
	now = now.Add(25 * time.Hour)
	take(written("d", projections.Complete, app)) // so far
	isGathered(t, registry, `cicd_pipeline_run_active{cicd_pipeline_name="",cicd_pipeline_run_state="executing"} 0
cicd_pipeline_run_active{cicd_pipeline_name="app",cicd_pipeline_run_state="executing"} 0
`, "cicd_pipeline_run_active")
	isGathered(t, registry, `cicd_pipeline_run_errors_total{cicd_pipeline_name="app",error_type="job_failed"} 2
cicd_pipeline_run_errors_total{cicd_pipeline_name="nightly",error_type="job_failed"} 2
`, "cicd_pipeline_run_errors_total")
	families, err := registry.Gather()
	require.NoError(t, err)
	var ends []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if h := m.GetHistogram(); h != nil {
				ends = append(ends, fmt.Sprint(h.GetSampleCount(), " ", h.GetSampleSum(), " ", m.GetLabel()))
			}
		}
	}
	require.Len(t, ends, 2)
	for i, want := range []string{"1 3 ", "1 3 "} {
		assert.True(t, strings.HasPrefix(ends[i], want), ends[i])
	}
	for i, want := range []string{`"failure"`, `"success"`} {
		assert.Contains(t, ends[i], want)
	}
	problems, err := testutil.GatherAndLint(registry)
	assert.NoError(t, err)
	assert.Empty(t, problems)
}

func isGathered(t *testing.T, registry *prometheus.Registry, want, name string) {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			head := fmt.Sprintf("# HELP %s %s\n# TYPE %s %s\n", name, family.GetHelp(), name, strings.ToLower(family.GetType().String()))
			assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(head+want), name))
			return
		}
	}
	t.Errorf("there is no %s", name)
}

// Streams cannot create an unlimited number of metrics.
func TestPipelinesAreBounded(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	runs := metrics.NewRuns(registry)
	for i := range 1000 {
		runs.Written([]store.WrittenRun{written(domain.RunID(fmt.Sprint(i)), projections.Active, domain.Label{Key: "pipeline", Value: fmt.Sprint(i)})}, time.Now())
	}
	n, err := testutil.GatherAndCount(registry, "cicd_pipeline_run_active")
	require.NoError(t, err)
	assert.Equal(t, 201, n)
}
