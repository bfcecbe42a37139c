package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quire-ci/quire-project/adapters/internal/cicd"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Runs has the metrics of runs of OpenTelemetry's conventions for CI/CD, under the names that
// Prometheus has for them. It is safe for concurrent use.
type Runs struct {
	duration *prometheus.HistogramVec
	active   *prometheus.GaugeVec
	errors   *prometheus.CounterVec

	mu        sync.Mutex
	pipelines map[string]bool // the names that have metrics
	running   map[domain.RunID]running
	swept     time.Time // when runs were forgotten last
}

// running is a run that has not ended.
type running struct {
	pipeline string
	seen     time.Time // when its rows were written last
}

// executing is the only value of cicd.pipeline.run.state that a stream can tell.
const executing = "executing"

const (
	// forgetAfter is how long a run without events counts as active.
	forgetAfter = 24 * time.Hour
	// maxPipelines is how many pipelines have metrics of their own. The names are from streams.
	maxPipelines = 200
	// otherPipelines is the name of the rest.
	otherPipelines = "_OTHER"
)

// NewRuns returns metrics that it registers with registry. It panics if they are already registered.
func NewRuns(registry prometheus.Registerer) *Runs {
	r := &Runs{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cicd_pipeline_run_duration_seconds", Help: "Duration of runs that have ended, from their first event to their last.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 15), // up to 4.5 hours
		}, []string{"cicd_pipeline_name", "cicd_pipeline_run_state", "cicd_pipeline_result", "error_type"}),
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "cicd_pipeline_run_active", Help: "Runs that have not ended, of those that this worker has written since it started; a run without events counts for a day.",
		}, []string{"cicd_pipeline_name", "cicd_pipeline_run_state"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cicd_pipeline_run_errors_total", Help: "Failed jobs of runs that have ended.",
		}, []string{"cicd_pipeline_name", "error_type"}),
		pipelines: map[string]bool{}, running: map[domain.RunID]running{},
	}
	registry.MustRegister(r.duration, r.active, r.errors)
	return r
}

// Written records runs whose rows were written.
func (r *Runs) Written(runs []store.WrittenRun, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range runs {
		r.written(&runs[i], now)
	}
	if now.Sub(r.swept) < forgetAfter/24 {
		return
	}
	r.swept = now
	for id, run := range r.running {
		if now.Sub(run.seen) > forgetAfter {
			r.stopped(id)
		}
	}
}

func (r *Runs) written(run *store.WrittenRun, now time.Time) {
	pipeline := r.pipeline(run.Labels)
	r.stopped(run.RunID) // its labels may only be known now
	if run.State == projections.Active && !run.Ended {
		r.running[run.RunID] = running{pipeline, now}
		r.active.WithLabelValues(pipeline, executing).Inc()
	}
	if !run.Ends {
		return
	}
	result, errorType := cicd.Success, ""
	if run.State == projections.Failed {
		result, errorType = cicd.Failure, cicd.PipelineFailure
	}
	if run.WallMs.Valid {
		r.duration.WithLabelValues(pipeline, executing, string(result), errorType).Observe(float64(run.WallMs.V) / 1000)
	}
	r.errors.WithLabelValues(pipeline, cicd.JobFailed).Add(float64(run.FailedJobs))
}

func (r *Runs) stopped(id domain.RunID) {
	if run, ok := r.running[id]; ok {
		r.active.WithLabelValues(run.pipeline, executing).Dec()
		delete(r.running, id)
	}
}

// pipeline returns the name of a run's pipeline for metrics. The number of distinct names is
// limited.
func (r *Runs) pipeline(labels domain.Labels) string {
	name := cicd.PipelineName(labels)
	if !r.pipelines[name] {
		if len(r.pipelines) >= maxPipelines {
			return otherPipelines
		}
		r.pipelines[name] = true
	}
	return name
}
