package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/quire-ci/quire-project/adapters/jsonl"
)

// stream is where events go.
type stream struct {
	jsonl.Sink
	path string // of the file; empty, if it is none
}

// openStream opens what --events names. A file must not be there.
func openStream(ctx context.Context, target string, stdout io.Writer) (*stream, error) {
	switch target {
	case "-":
		return nil, usageError(errors.New("--events - is not known; standard output is stdout, and a file of that name ./-"))
	}
	named := target
	if target == "null" || target == "stdout" {
		named = ""
	}
	sink, err := openSink(ctx, named, func() (jsonl.Sink, error) {
		if named != "" && isDevice(named) {
			return openDevice(named)
		}
		return jsonl.ParseTarget(target).Open(safe(stdout))
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--events: %v; make its folder first", err)
	}
	if err != nil {
		return nil, fmt.Errorf("--events: %w", err)
	}
	return &stream{sink, named}, nil
}

// openSink opens what has a path, or none. A named pipe is open when somebody reads it,
// which ctx ends the waiting for.
func openSink(ctx context.Context, path string, open func() (jsonl.Sink, error)) (jsonl.Sink, error) {
	type result struct {
		sink jsonl.Sink
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		sink, err := open()
		opened <- result{sink, err}
	}()
	select {
	case r := <-opened:
		return r.sink, r.err
	case <-ctx.Done():
		go func() { // what is opened all the same has no events, and is in the way of another run
			if r := <-opened; r.err == nil {
				_ = (&stream{r.sink, path}).end()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// asQuire says whether jobs are recorded in quire's own words.
func (s *stream) asQuire(yes bool) {
	if sink, ok := s.Sink.(interface{ WriteSucceeded() }); ok && yes {
		sink.WriteSucceeded()
	}
}

// end closes the stream. One that has no events is no record of anything: it is taken
// away, so that the same command can be given again.
func (s *stream) end() error {
	err := s.Close()
	info, missing := os.Lstat(s.path)
	if err == nil && missing == nil && info.Mode().IsRegular() && info.Size() == 0 {
		err = errors.Join(err, os.Remove(s.path))
	}
	if err != nil {
		return fmt.Errorf("--events: %w", err)
	}
	return nil
}
