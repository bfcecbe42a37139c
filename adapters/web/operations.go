package web

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/projections/store"
)

// operations serves the metrics and the health of a server.
type operations struct{ runs *metrics.Runs }

func newOperations(s *Server, registry *prometheus.Registry) *operations {
	o := &operations{metrics.NewRuns(registry)}
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quire_viewed_runs", Help: "Runs that somebody views."}, s.hubs.count),
	)
	handler := metrics.Handler(registry, metrics.Status{Health: s.problems, Ready: s.problems}, s.log)
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/livez"} {
		s.mux.Handle("GET "+path, compress(handler))
	}
	return o
}

// problems checks the store. It logs the error instead of returning it, because an error may
// contain an address.
func (s *Server) problems(ctx context.Context) []string {
	err := store.CheckVersions(ctx, s.store)
	if errors.Is(err, store.ErrOtherVersion) {
		return []string{printable.StoreReason(err)}
	}
	if err == nil {
		_, err = s.store.RunIDs(ctx, "", 1)
	}
	if err == nil {
		return nil
	}
	s.log.Warn("health: the store does not answer", "error", printable.Name(err.Error()))
	return []string{"the store: " + printable.StoreReason(err)}
}
