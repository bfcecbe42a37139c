package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
)

// stream is where events go.
type stream struct {
	jsonl.Sink
	path string // of the file; empty, if it is none
}

// openStream opens what --events names. A file must not be there.
func openStream(ctx context.Context, target string, stdout io.Writer) (*stream, error) {
	switch target {
	case "":
		return nil, usageError(errors.New("--events has to name something: a file, stdout, or null for no events"))
	case "-":
		return nil, usageError(errors.New("--events - is not known; standard output is stdout, and a file of that name ./-"))
	}
	if isTerminal(stdout) {
		stdout = report.TerminalSafe(stdout)
	}
	sink, err := openSink(ctx, jsonl.ParseTarget(target), stdout)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--events: %v; make its folder first", err)
	}
	if err != nil {
		return nil, fmt.Errorf("--events: %w", err)
	}
	if target == "null" || target == "stdout" {
		target = ""
	}
	return &stream{sink, target}, nil
}

// openSink opens a target. A named pipe is open when somebody reads it, which ctx ends
// the waiting for.
func openSink(ctx context.Context, target jsonl.Target, stdout io.Writer) (jsonl.Sink, error) {
	type result struct {
		sink jsonl.Sink
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		sink, err := target.Open(stdout)
		opened <- result{sink, err}
	}()
	select {
	case r := <-opened:
		return r.sink, r.err
	case <-ctx.Done():
		go func() { // what is opened all the same has no events, and is in the way of another run
			if r := <-opened; r.err == nil {
				_ = (&stream{r.sink, target.String()}).end()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// end closes the stream. One that has no events is no record of anything: it is taken
// away, so that the same command can be given again.
func (s *stream) end() error {
	err := s.Close()
	info, missing := os.Lstat(s.path)
	if missing == nil && info.Mode().IsRegular() && info.Size() == 0 {
		err = errors.Join(err, os.Remove(s.path))
	}
	if err != nil {
		return fmt.Errorf("--events: %w", err)
	}
	return nil
}
