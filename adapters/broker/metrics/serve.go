package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/quire-ci/quire-project/adapters/internal/loopback"
)

// Listen listens at address, host:port. Without a host, only this machine
// can connect; with 0.0.0.0 or [::], every machine that can reach it.
func Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w; give host:port, or :port for this machine alone", err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.Listen("tcp", net.JoinHostPort(host, port))
}

// Serve serves /metrics from gatherer, and /healthz, /readyz and /livez from status. When ctx ends, it
// completes the current requests and returns. It closes listener. A nil logger logs nothing.
func Serve(ctx context.Context, listener net.Listener, gatherer prometheus.Gatherer, status Status, logger *slog.Logger) error {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	server := &http.Server{
		Handler:           loopback.Guard(listener.Addr(), Handler(gatherer, status, logger)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*answerTimeout)
		defer cancel()
		stopped <- server.Shutdown(last)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("metrics: %w", err)
	}
	return <-stopped
}

// Handler returns the pages that [Serve] serves.
func Handler(gatherer prometheus.Gatherer, status Status, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	// the pattern GET also matches HEAD, and refuses other methods
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		// serve the known values even if the broker or the store is down
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}))
	status.addTo(mux, logger)
	return mux
}
