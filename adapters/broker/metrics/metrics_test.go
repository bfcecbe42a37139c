package metrics_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/domain"
)

func TestMetricsCount(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := metrics.New(registry)
	for range 2 {
		m.Applied(&domain.Segment{Data: []byte("{}\n")}, 3*time.Millisecond)
	}
	m.Events(7)
	m.ApplyFailed()
	m.ApplyFailed()
	m.Poisoned()
	for name, want := range map[string]float64{
		"quire_applied_segments_total": 2, "quire_applied_bytes_total": 6, "quire_applied_events_total": 7,
		"quire_apply_failures_total": 2, "quire_poisoned_messages_total": 1,
	} {
		if got := value(t, registry, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if n, err := testutil.GatherAndCount(registry, "quire_apply_seconds"); n != 1 || err != nil {
		t.Error(n, err)
	}
	problems, err := testutil.GatherAndLint(registry)
	assert.NoError(t, err)
	assert.Empty(t, problems)
}

// value returns the value of a counter.
func value(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Errorf("there is no %s", name)
	return 0
}

func TestStatusIsCollected(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.Status{
		Lag:         func(context.Context) (map[int]int64, error) { return map[int]int64{0: 5, 12: 0}, nil },
		Quarantined: func(context.Context) (int64, error) { return 2, nil },
	}.Collector())
	want := `
# HELP quire_partition_lag_messages Messages of a partition that have not been applied yet.
# TYPE quire_partition_lag_messages gauge
quire_partition_lag_messages{partition="0"} 5
quire_partition_lag_messages{partition="12"} 0
# HELP quire_quarantined_runs Runs that are quarantined.
# TYPE quire_quarantined_runs gauge
quire_quarantined_runs 2
`
	assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(want)))
	problems, err := testutil.GatherAndLint(registry)
	assert.NoError(t, err)
	assert.Empty(t, problems)
}

// A value without an answer does not suppress the other one; a value without a function is absent.
func TestStatusWithoutAnswers(t *testing.T) {
	down := errors.New("down")
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.Status{
		Lag:         func(context.Context) (map[int]int64, error) { return nil, down },
		Quarantined: func(context.Context) (int64, error) { return 2, nil },
	}.Collector())
	families, err := registry.Gather()
	if err == nil || len(families) != 1 || families[0].GetName() != "quire_quarantined_runs" {
		t.Error(families, err)
	}
	registry = prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.Status{}.Collector())
	if families, err := registry.Gather(); err != nil || len(families) > 0 {
		t.Error(families, err)
	}
}
