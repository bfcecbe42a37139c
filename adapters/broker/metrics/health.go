package metrics

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
)

// health is what /healthz says. What could not be found out is null.
type health struct {
	Status      string           `json:"status"` // ok or failing
	Lag         map[string]int64 `json:"lag"`    // by partition
	Quarantined *int64           `json:"quarantined"`
}

// ask makes a health. Why something failed is logged and not shown: an error may
// tell where a database is.
func (s Status) ask(ctx context.Context, logger *slog.Logger) health {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	failed := func(what string, err error) {
		logger.Warn("health: "+what, slog.String("error", strconv.Quote(err.Error())))
	}
	h := health{Status: "ok"}
	if s.Health != nil {
		if err := s.Health(ctx); err != nil {
			h.Status = "failing"
			failed("something is wrong", err)
		}
	}
	if s.Lag != nil {
		lag, err := s.Lag(ctx)
		if err != nil {
			failed("the lag is not known", err)
		} else {
			h.Lag = map[string]int64{}
		}
		for partition, n := range lag {
			h.Lag[strconv.Itoa(partition)] = n
		}
	}
	if s.Quarantined != nil {
		n, err := s.Quarantined(ctx)
		if err != nil {
			failed("the number of quarantined runs is not known", err)
		} else {
			h.Quarantined = &n
		}
	}
	return h
}

func (s Status) handler(logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := s.ask(r.Context(), logger)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if h.Status != "ok" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if err := json.NewEncoder(w).Encode(h); err != nil {
			logger.Debug("health: whoever asked has gone", slog.String("error", strconv.Quote(err.Error())))
		}
	})
}
