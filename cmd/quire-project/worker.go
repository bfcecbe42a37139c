package main

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/projections/store"
)

// worker projects what a broker delivers into a store.
type worker struct {
	broker    *openedBroker
	store     store.Store
	projector *store.Projector
	router    *broker.Router
	registry  *prometheus.Registry
	metrics   *metrics.Metrics
	log       *slog.Logger
}

func newWorker(b *openedBroker, s store.Store, options jsonl.Options, patience time.Duration, log *slog.Logger) (*worker, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	w := &worker{broker: b, store: s, registry: registry, metrics: metrics.New(registry), log: log}
	registry.MustRegister(w.status().Collector())
	w.projector = store.NewProjector(s, jsonl.NewSegments(options), store.ProjectorOptions{Source: b.name, Patience: patience, Done: w.done})
	var err error
	w.router, err = broker.NewRouter(b.subscriber, b.publisher, b.Topics, b.poison, w.projector, broker.Options{Grace: closing, Logger: log, Meter: w.metrics})
	return w, err
}

// run works until ctx ends, and finishes then what is at hand.
func (w *worker) run(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan struct{})
	go func() {
		defer close(served)
		w.serve(ctx, listener)
	}()
	go w.grow(ctx)
	w.log.Info("working", "from", w.broker.name, "partitions", w.broker.Partitions())
	err := w.router.Run(ctx)
	cancel()
	<-served
	last, stop := context.WithTimeout(context.Background(), closing)
	defer stop()
	err = cmp.Or(err, w.projector.Close(last))
	if err == nil {
		w.log.Info("stopped; nothing is left half done")
	}
	return err
}

// serve lets Prometheus and whoever watches the worker ask how it goes.
func (w *worker) serve(ctx context.Context, listener net.Listener) {
	if listener == nil {
		return
	}
	w.log.Info("serving metrics and health", "url", "http://"+listener.Addr().String())
	if err := metrics.Serve(ctx, listener, w.registry, w.status(), w.log); err != nil {
		w.log.Error("metrics and health are not served any more", "error", err)
	}
}

// grow reads partitions, too, that are added while the worker works.
func (w *worker) grow(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := w.router.Grow(); err != nil && ctx.Err() == nil {
				w.log.Warn("a partition that was added cannot be read yet", "error", err)
			}
		}
	}
}

// done takes note of what the projector has committed.
func (w *worker) done(batch store.Batch) {
	w.metrics.Events(batch.Events)
	for _, run := range batch.Quarantined {
		w.log.Warn("a run is quarantined; quire-project quarantine show tells why", "run", report.Printable(string(run)))
	}
	for _, run := range batch.Lifted {
		w.log.Info("a run is not quarantined any more", "run", report.Printable(string(run)))
	}
}

// status asks the broker and the store how it goes.
func (w *worker) status() metrics.Status {
	return metrics.Status{
		Health: func(ctx context.Context) error {
			_, err := w.store.RunIDs(ctx, "", 1)
			if err == nil {
				_, err = w.broker.lag(ctx)
			}
			return err
		},
		Lag: w.broker.lag,
		Quarantined: func(ctx context.Context) (int64, error) {
			waiting, err := w.store.Waiting(ctx)
			n := int64(0)
			for i := range waiting {
				if waiting[i].Quarantine != nil {
					n++
				}
			}
			return n, err
		},
	}
}
