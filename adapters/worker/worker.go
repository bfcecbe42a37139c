// Package worker writes the rows of the streams on a broker into a store, and serves its health
// and metrics over HTTP. Each store has a group of workers, which divide the broker's partitions
// among themselves.
package worker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Options are the options of a worker. The zero value selects the defaults.
type Options struct {
	// Lines has the options for reading lines.
	Lines jsonl.Options
	// GapTimeout is how long to wait for a missing part of a run before the run is quarantined. The
	// default is a minute. The worker is unhealthy if it could apply nothing for longer than this.
	GapTimeout time.Duration
	// Grace is how long the current work may take when the worker stops, 10 seconds by default.
	Grace time.Duration
	// Listener, if set, serves /metrics, /healthz, /readyz and /livez. Run closes it.
	Listener net.Listener
	// Logger, if set, receives log records.
	Logger *slog.Logger
}

// worker writes the segments that a broker delivers into a store.
type worker struct {
	broker    *brokers.Broker
	store     store.Store
	projector *store.Projector
	metrics   *metrics.Metrics
	runs      *metrics.Runs
	progress  *metrics.Progress
	log       *slog.Logger
	// end stops the worker because of an error that only reopening the store, or another program, can
	// resolve.
	end context.CancelCauseFunc
}

// Run writes the segments that b delivers into s until ctx ends, and then finishes the current work.
// If s is older than this program, Run first waits for the rebuild, and takes no partition. It
// returns a [store.ErrReplaced] if s must be opened again, and a [store.ErrOtherVersion] once s is
// newer than this program: what was not written is left to the others. The group of b is the id of
// s, see [brokers.Options].
func Run(ctx context.Context, b *brokers.Broker, s store.Store, o Options) error {
	o.GapTimeout, o.Grace = cmp.Or(o.GapTimeout, time.Minute), cmp.Or(o.Grace, 10*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	w := &worker{broker: b, store: s, metrics: metrics.New(registry), runs: metrics.NewRuns(registry), progress: &metrics.Progress{Patience: o.GapTimeout}, log: o.Logger, end: end}
	registry.MustRegister(w.status().Collector())
	w.projector = store.NewProjector(s, jsonl.NewSegments(o.Lines), store.ProjectorOptions{Source: func(domain.RunID) string { return b.String() }, GapTimeout: o.GapTimeout, Done: w.done, Outdated: w.end})
	router, err := broker.NewRouter(b.Subscriber(), b.Publisher(), []string{b.AllTopics()}, b.Poison(), w, broker.Options{Grace: o.Grace, Logger: o.Logger, Meter: w.metrics})
	if err != nil {
		return err
	}
	var tasks sync.WaitGroup
	tasks.Go(func() { w.serve(ctx, o.Listener, registry) })
	if err = w.await(ctx); err == nil {
		tasks.Go(func() { w.look(ctx) })
		w.log.Info("working", "from", b.String(), "partitions", b.Partitions())
		err = router.Run(ctx)
	}
	end(nil)
	tasks.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, store.ErrReplaced) || errors.Is(cause, store.ErrOtherVersion) {
		err = cmp.Or(err, cause)
	}
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), o.Grace)
	defer stop()
	if err = cmp.Or(err, w.projector.Close(last)); err == nil {
		w.log.Info("stopped after the last commit")
	}
	return err
}

// await waits until the store is not older than this program.
func (w *worker) await(ctx context.Context) error {
	err := store.AwaitVersions(ctx, w.store, func(err error) {
		w.log.Warn("waiting until the store is rebuilt; workers of the store's version continue", "reason", err)
	})
	if store.IsAway(err) {
		return nil // segments wait for it
	}
	return err
}

// Listen listens at an address for [Options].Listener. If another worker uses the port, Listen takes
// another port, unless exact is set.
func Listen(address string, exact bool) (net.Listener, error) {
	listener, err := metrics.Listen(address)
	if err != nil && !exact {
		return metrics.Listen("127.0.0.1:0")
	}
	return listener, err
}

// serve serves metrics and health checks.
func (w *worker) serve(ctx context.Context, listener net.Listener, registry *prometheus.Registry) {
	if listener == nil {
		return
	}
	w.log.Info("serving metrics and health", "url", "http://"+listener.Addr().String())
	if err := metrics.Serve(ctx, listener, registry, w.status(), w.log); err != nil {
		w.log.Error("metrics and health are not served any more", "error", err)
	}
}

// look observes the backlogs.
func (w *worker) look(ctx context.Context) {
	tick := time.NewTicker(min(max(w.progress.Patience/20, 50*time.Millisecond), 10*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			lag, _ := w.backlogs(ctx) // nil if unknown
			w.progress.Look(lag, time.Now())
		}
	}
}

// Apply applies a segment, and records the progress. It makes the worker a [broker.Projector].
func (w *worker) Apply(ctx context.Context, segment domain.Segment) error {
	err := w.projector.Apply(ctx, segment)
	switch {
	case err == nil:
		w.progress.Applied()
	case errors.Is(err, store.ErrReplaced), errors.Is(err, store.ErrOtherVersion):
		w.end(err)
		fallthrough
	case !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrClosed):
		w.progress.Failed("the store: "+printable.StoreReason(err), time.Now())
	}
	return err
}

// done records what the projector has committed.
func (w *worker) done(batch store.Batch) {
	w.metrics.Events(batch.Events)
	w.runs.Written(batch.Written, time.Now())
	for _, run := range batch.Quarantined {
		w.log.Warn("a run is quarantined; quire-project quarantine show says why", "run", printable.Name(string(run)))
	}
	for _, run := range batch.Lifted {
		w.log.Info("a run is not quarantined any more", "run", printable.Name(string(run)))
	}
}
