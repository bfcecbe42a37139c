package cli

import (
	"context"
	"io"

	"github.com/quire-ci/quire-project/adapters/otlp"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

const commandsUsage = "with traces: add the texts of commands, which may contain secrets"

// checkTraces checks the flags of traces.
func (f *projectFlags) checkTraces() error {
	switch {
	case f.pretty || f.logs != "" || len(f.projections) > 0:
		return command.Usage("--pretty, --logs and --projection do not go with --to otlp")
	case !f.selection.IsZero():
		return command.Usage("%w", report.ErrSelection)
	case f.output != "" && f.to != otlp.Format:
		return command.Usage("--to names a collector, which gets everything; for a file, write --to otlp -o FILE")
	}
	return nil
}

// traces returns the report of traces.
func (f *projectFlags) traces(ctx context.Context, out, stderr io.Writer) (report.Document, error) {
	options := otlp.Options{Commands: f.commands, AssumeEnded: f.exitStatus.assumeEnded}
	w, err := otlp.Open(ctx, f.to, out, options, otlp.ClientOptions{Say: func(words string) { say(stderr, words) }})
	if err != nil {
		return nil, command.Usage("--to: %w", err)
	}
	return w, nil
}
