package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

// Metrics counts what the handlers of package broker do.
type Metrics struct {
	segments, bytes, events, failures, poisoned prometheus.Counter
	applying                                    prometheus.Histogram
}

var _ broker.Meter = (*Metrics)(nil)

// New returns metrics that it registers with registry. It panics if they are already registered.
func New(registry prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "quire", Name: name, Help: help})
		registry.MustRegister(c)
		return c
	}
	m := &Metrics{
		segments: counter("applied_segments_total", "Segments that were processed: applied, dropped as already applied, or parked for later."),
		bytes:    counter("applied_bytes_total", "Stream bytes in segments that were processed."),
		events:   counter("applied_events_total", "Events that were applied to rows."),
		failures: counter("apply_failures_total", "Failed attempts to apply a segment."),
		poisoned: counter("poisoned_messages_total", "Messages that were not segments; they go to the poison topic."),
		applying: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "quire", Name: "apply_seconds", Help: "Time to process a segment, including the wait for its commit; failed attempts are not counted.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15), // up to 16 s
		}),
	}
	registry.MustRegister(m.applying)
	return m
}

func (m *Metrics) Applied(segment *domain.Segment, took time.Duration) {
	m.segments.Inc()
	m.bytes.Add(float64(len(segment.Data)))
	m.applying.Observe(took.Seconds())
}

// Events counts events that were applied to rows. A projector that knows their number calls it.
func (m *Metrics) Events(n int64) { m.events.Add(float64(n)) }

func (m *Metrics) ApplyFailed() { m.failures.Inc() }
func (m *Metrics) Poisoned()    { m.poisoned.Inc() }
