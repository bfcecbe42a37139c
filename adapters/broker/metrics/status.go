package metrics

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Status are questions to the broker and the store, asked when somebody looks.
// What is nil is not shown.
type Status struct {
	// Health says what is wrong, if anything is, in words that are fit to be shown.
	Health func(context.Context) []string
	// Ready says what is still missing before the worker can do its work.
	Ready func(context.Context) []string
	// Lag is how many messages of each partition are still to be applied.
	Lag func(context.Context) (map[int]int64, error)
	// Quarantined is how many runs are quarantined.
	Quarantined func(context.Context) (int64, error)
}

// answerTimeout is how long an answer may take.
const answerTimeout = 5 * time.Second

var (
	lagDesc         = prometheus.NewDesc("quire_partition_lag_messages", "Messages of a partition that have not been applied yet.", []string{"partition"}, nil)
	quarantinedDesc = prometheus.NewDesc("quire_quarantined_runs", "Runs that are quarantined.", nil, nil)
)

// Collector returns a collector for Lag and Quarantined. What has no answer is
// left out of a scrape, which is then marked by an error.
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
