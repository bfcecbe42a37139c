package metrics

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
)

// answer is the response of /livez and /readyz, and a part of that of /healthz.
type answer struct {
	Status   string   `json:"status"` // ok or failing
	Problems []string `json:"problems,omitempty"`
}

func answerOf(problems []string) answer {
	if len(problems) > 0 {
		return answer{"failing", problems}
	}
	return answer{Status: "ok"}
}

// health is the response of /healthz. An unknown number is null.
type health struct {
	answer
	Lag         map[string]int64 `json:"lag"` // by partition
	Quarantined *int64           `json:"quarantined"`
}

// health collects the response of /healthz. The reason why a number is unknown is only logged: an
// error may contain the address of a database.
func (s Status) health(ctx context.Context, logger *slog.Logger) health {
	h := health{answer: answerOf(problems(ctx, s.Health))}
	failed := func(what string, err error) {
		logger.Warn("health: "+what, slog.String("error", strconv.Quote(err.Error())))
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

func problems(ctx context.Context, find func(context.Context) []string) []string {
	if find == nil {
		return nil
	}
	return find(ctx)
}

// page responds with the result of find, and with status 503 unless ok is set.
func page[A any](logger *slog.Logger, find func(context.Context) (a A, ok bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		found, ok := find(ctx)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if err := json.NewEncoder(w).Encode(found); err != nil {
			logger.Debug("health: the client has gone", slog.String("error", strconv.Quote(err.Error())))
		}
	})
}

// addTo adds the pages.
func (s Status) addTo(mux *http.ServeMux, logger *slog.Logger) {
	mux.Handle("GET /healthz", page(logger, func(ctx context.Context) (health, bool) {
		h := s.health(ctx, logger)
		return h, len(h.Problems) == 0
	}))
	mux.Handle("GET /readyz", page(logger, func(ctx context.Context) (answer, bool) {
		a := answerOf(problems(ctx, s.Ready))
		return a, len(a.Problems) == 0
	}))
	// An answer shows that the process works.
	mux.Handle("GET /livez", page(logger, func(context.Context) (answer, bool) { return answerOf(nil), true }))
}
