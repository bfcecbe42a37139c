package cli

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
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
	progress  *metrics.Progress
	log       *slog.Logger
	// replaced gets an error that only opening the store anew can end.
	replaced chan error
}

// ending ends the worker where the store is not the one any more that was opened.
func (w *worker) ending(err error) error {
	if errors.Is(err, store.ErrReplaced) {
		select {
		case w.replaced <- err:
		default:
		}
	}
	return err
}

func newWorker(b *openedBroker, s store.Store, options jsonl.Options, patience time.Duration, log *slog.Logger) (*worker, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	w := &worker{broker: b, store: s, registry: registry, metrics: metrics.New(registry), progress: &metrics.Progress{Patience: patience}, log: log, replaced: make(chan error, 1)}
	registry.MustRegister(w.status().Collector())
	w.projector = store.NewProjector(s, jsonl.NewSegments(options), store.ProjectorOptions{Source: b.name, Patience: patience, Done: w.done})
	var err error
	w.router, err = broker.NewRouter(b.subscriber, b.publisher, b.Topics, b.poison, observed{w}, broker.Options{Grace: closing, Logger: log, Meter: w.metrics})
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
	go w.look(ctx)
	w.log.Info("working", "from", w.broker.name, "partitions", w.broker.Partitions())
	unwatch := w.watch(ctx, cancel)
	err := w.router.Run(ctx)
	cancel()
	err = cmp.Or(err, unwatch())
	<-served
	last, stop := context.WithTimeout(context.Background(), closing)
	defer stop()
	err = cmp.Or(err, w.projector.Close(last))
	if err == nil {
		w.log.Info("stopped; nothing is left half done")
	}
	return err
}

// watch ends the work when the store was replaced, and returns a function that waits
// for its own end, once ctx has ended, and returns why that was.
func (w *worker) watch(ctx context.Context, end func()) func() error {
	replaced := make(chan error, 1)
	go func() {
		select {
		case err := <-w.replaced:
			replaced <- err
			end()
		case <-ctx.Done():
			replaced <- nil
		}
	}()
	return func() error { return <-replaced }
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

// observed has the worker note how applying goes.
type observed struct{ worker *worker }

func (o observed) Apply(ctx context.Context, segment domain.Segment) error {
	err := o.worker.ending(o.worker.projector.Apply(ctx, segment))
	switch {
	case err == nil:
		o.worker.progress.Applied()
	case !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrClosed):
		o.worker.progress.Failed("the store: "+storeWords(err), time.Now())
	}
	return err
}

// look looks now and then how far the work is behind.
func (w *worker) look(ctx context.Context) {
	tick := time.NewTicker(min(max(w.progress.Patience/20, 50*time.Millisecond), 10*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			lag, err := w.broker.lag(ctx)
			if err != nil {
				lag = nil
			}
			w.progress.Look(lag, time.Now())
		}
	}
}

// storeWords says of an error what is wrong with the store, without anything secret.
func storeWords(err error) string {
	var newer *projections.NewerError
	if errors.As(err, &newer) {
		return newer.Error()
	}
	return inWords(err, store.ErrFull, store.ErrReadOnly, store.ErrLocked, store.ErrNewerSchema, store.ErrForeign, store.ErrAway)
}

// status asks the broker and the store how it goes.
func (w *worker) status() metrics.Status {
	return metrics.Status{
		Health: func(ctx context.Context) []string {
			return append(w.answers(ctx), w.progress.Problems(time.Now())...)
		},
		Ready: func(ctx context.Context) []string {
			problems := w.answers(ctx)
			if err := w.broker.ready(); err != nil {
				problems = append(problems, "the worker: "+err.Error())
			}
			return problems
		},
		Lag: func(ctx context.Context) (map[int]int64, error) {
			lag, err := w.broker.lag(ctx)
			counts := make(map[int]int64, len(lag))
			for partition, b := range lag {
				counts[partition] = b.Waiting
			}
			return counts, err
		},
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

// answers finds out whether the store and the broker answer. What they say is logged: it may tell
// where they are.
func (w *worker) answers(ctx context.Context) (problems []string) {
	failed := func(what, words string, err error) {
		w.log.Warn("health: "+what+" does not answer", "error", report.Printable(err.Error()))
		problems = append(problems, what+": "+words)
	}
	if _, err := w.store.RunIDs(ctx, "", 1); err != nil {
		failed("the store", storeWords(err), err)
	}
	if _, err := w.broker.lag(ctx); err != nil {
		failed("the broker", w.broker.words(err), err)
	}
	return problems
}
