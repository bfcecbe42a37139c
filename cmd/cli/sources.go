package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// find returns the streams that a command line names.
func (f *readFlags) find(paths []string) (jsonl.Streams, error) {
	s := jsonl.Streams{Paths: paths, Run: domain.RunID(f.runID), Options: f.options()}
	for _, path := range paths {
		if path == jsonl.Stdin {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return s, fmt.Errorf("cannot read the stream: %w", err)
		}
		if f.runID != "" && info.IsDir() {
			return s, command.Usage("--run-id names one run, and %s is a folder of runs", report.Printable(path))
		}
	}
	if f.runID != "" && s.Many() {
		return s, command.Usage("--run-id names one run, and several streams are named")
	}
	return s, nil
}

// findRuns is find for commands that store runs by id.
func (f *readFlags) findRuns(paths []string) (jsonl.Streams, error) {
	if f.runID != "" {
		if err := store.CheckRunID(domain.RunID(f.runID)); err != nil {
			return jsonl.Streams{}, command.Usage("--run-id: %w", err)
		}
	}
	return f.find(paths)
}

var (
	// errInterrupted is the error of interrupted work.
	errInterrupted = &command.StatusError{Status: command.StatusInterrupted, Err: errors.New("interrupted")}
	// errResumable is the error of interrupted work that the same command can continue.
	errResumable = &command.StatusError{Status: command.StatusInterrupted, Err: errors.New("interrupted; run the same command again to continue")}
)

// interruption returns the error of interrupted work on streams. Data from a pipe cannot be read
// again.
func interruption(streams jsonl.Streams) error {
	if streams.HasPipe() {
		return errInterrupted
	}
	return errResumable
}
