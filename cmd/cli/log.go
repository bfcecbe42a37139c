package cli

import (
	"fmt"
	"io"
	"log/slog"
)

// newLog returns a logger of a kind to stderr. Both kinds escape what could
// control a terminal.
func newLog(kind string, stderr io.Writer) (*slog.Logger, error) {
	switch kind {
	case "text":
		return slog.New(slog.NewTextHandler(stderr, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(stderr, nil)), nil
	case "none":
		return slog.New(slog.DiscardHandler), nil
	}
	return nil, usageError(fmt.Errorf("--log is text, json or none, not %q%s", kind, didYouMean(kind, []string{"text", "json", "none"})))
}
