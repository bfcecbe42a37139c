// Package recording stores the record of a run: its stream of events, and the logs of its commands.
package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/pipeline"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/adapters/signals"
	"github.com/quire-ci/quire-project/adapters/terminal"
)

// Record is the record of a run, and says where it goes.
type Record struct {
	// Events is the target of events, see [jsonl.OpenSink], and Logs the folder of logs. Without one,
	// logs are kept until Close.
	Events, Logs string
	// Runs, if set, is the folder in which Open creates a folder for the run, for both the stream
	// and the logs. Open prints its name.
	Runs string
	// Succeeded makes the stream say "succeeded" of a complete job, as later producers do.
	Succeeded bool

	// Sink takes events when the record is open.
	Sink jsonl.Sink

	dropped, folder string
}

// Open opens the record. out is standard output.
func (r *Record) Open(ctx context.Context, out io.Writer) (err error) {
	if r.Runs != "" {
		if r.folder, err = pipeline.NewRunFolder(r.Runs); err != nil {
			return fmt.Errorf("--runs: %w", err)
		}
		r.Events, r.Logs = filepath.Join(r.folder, "events.jsonl"), r.folder
		fmt.Fprintln(out, filepath.Base(r.folder))
	}
	if r.Sink, err = jsonl.OpenSink(ctx, r.Events, out, terminal.Safe); err != nil {
		_ = os.Remove(r.folder)
		return fmt.Errorf("--events: %w", err)
	}
	if sink, ok := r.Sink.(interface{ WriteSucceeded() }); ok && r.Succeeded {
		sink.WriteSucceeded()
	}
	if r.Logs == "" {
		if r.dropped, err = os.MkdirTemp("", "quire-ci-"); err != nil {
			return fmt.Errorf("a folder for the logs: %w", r.Close(err, nil))
		}
		r.Logs = r.dropped
		signals.Leaving(ctx, func() { _ = os.RemoveAll(r.dropped) })
	}
	return nil
}

// Close ends the record of a run that ended with an error or nil, and returns the more important one
// of that and the stream's: a run counts only if it is recorded. It calls say if logs cannot be removed.
func (r *Record) Close(run error, say func(string)) error {
	if r.dropped != "" {
		if err := os.RemoveAll(r.dropped); err != nil {
			say(fmt.Sprintf("the logs cannot be removed: %v; remove %s", err, r.dropped))
		}
	}
	err := r.Sink.Close()
	_ = os.Remove(r.folder) // succeeds only if the folder exists and is empty
	if err == nil || errors.As(run, new(*shell.RecordError)) {
		return run
	}
	return fmt.Errorf("--events: %w", err)
}
