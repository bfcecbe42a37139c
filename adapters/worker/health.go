package worker

import (
	"context"
	"errors"
	"time"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/projections/store"
)

// status returns the functions for health checks and Prometheus.
func (w *worker) status() metrics.Status {
	return metrics.Status{
		Health: func(ctx context.Context) []string {
			return append(w.problems(ctx), w.progress.Problems(time.Now())...)
		},
		Ready: func(ctx context.Context) []string {
			problems := w.problems(ctx)
			if err := w.broker.Ready(); err != nil {
				problems = append(problems, "the worker: "+err.Error())
			}
			return problems
		},
		Lag: func(ctx context.Context) (map[int]int64, error) {
			lag, err := w.backlogs(ctx)
			counts := make(map[int]int64, len(lag))
			for partition, b := range lag {
				counts[partition] = b.Waiting
			}
			return counts, err
		},
		Quarantined: func(ctx context.Context) (n int64, err error) {
			waiting, err := w.store.Waiting(ctx)
			for i := range waiting {
				if waiting[i].Quarantine != nil {
					n++
				}
			}
			return n, err
		},
	}
}

// backlogs returns the backlog of each partition.
func (w *worker) backlogs(ctx context.Context) (map[int]metrics.Backlog, error) {
	all, err := w.broker.Lag(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[int]metrics.Backlog, len(all))
	for _, lag := range all {
		found[lag.Partition] = metrics.Backlog{Waiting: int64(lag.Pending) + int64(lag.InFlight), Pending: int64(lag.Pending), Done: lag.Done}
	}
	return found, nil
}

// problems checks the store and the broker. It logs their errors and does not show them, because they
// may contain addresses.
func (w *worker) problems(ctx context.Context) (problems []string) {
	failed := func(what, reason string, err error) {
		w.log.Warn("health: "+what+" does not answer", "error", printable.Name(err.Error()))
		problems = append(problems, what+": "+reason)
	}
	err := store.CheckVersions(ctx, w.store)
	if err == nil {
		_, err = w.store.RunIDs(ctx, "", 1)
	}
	switch {
	case errors.Is(err, store.ErrOtherVersion):
		problems = append(problems, printable.StoreReason(err))
	case err != nil:
		failed("the store", printable.StoreReason(err), err)
	}
	if _, err := w.broker.Lag(ctx); err != nil {
		failed("the broker", brokers.Reason(err), err)
	}
	return problems
}
