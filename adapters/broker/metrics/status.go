package metrics

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Status has functions that query the broker and the store on each request. Values of nil functions
// are not shown.
type Status struct {
	// Health returns the current problems, without anything secret.
	Health func(context.Context) []string
	// Ready returns what the worker still needs before it can work.
	Ready func(context.Context) []string
	// Lag returns how many messages of each partition are not applied yet.
	Lag func(context.Context) (map[int]int64, error)
	// Quarantined returns how many runs are quarantined.
	Quarantined func(context.Context) (int64, error)
}

// answerTimeout is the maximum time for an answer.
const answerTimeout = 5 * time.Second

var (
	lagDesc         = prometheus.NewDesc("quire_partition_lag_messages", "Messages of a partition that have not been applied yet.", []string{"partition"}, nil)
	quarantinedDesc = prometheus.NewDesc("quire_quarantined_runs", "Runs that are quarantined.", nil, nil)
)

// Collector returns a collector for Lag and Quarantined. A scrape omits values that are unavailable,
// and reports an error for them.
func (s Status) Collector() prometheus.Collector { return collector{s} }

type collector struct{ status Status }

func (c collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- lagDesc
	descs <- quarantinedDesc
}

func (c collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	if c.status.Lag != nil {
		lag, err := c.status.Lag(ctx)
		if err != nil {
			metrics <- prometheus.NewInvalidMetric(lagDesc, err)
		}
		for partition, n := range lag {
			metrics <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(n), strconv.Itoa(partition))
		}
	}
	if c.status.Quarantined != nil {
		n, err := c.status.Quarantined(ctx)
		if err != nil {
			metrics <- prometheus.NewInvalidMetric(quarantinedDesc, err)
			return
		}
		metrics <- prometheus.MustNewConstMetric(quarantinedDesc, prometheus.GaugeValue, float64(n))
	}
}
