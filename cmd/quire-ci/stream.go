package main

import (
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
func openStream(target string, stdout io.Writer) (*stream, error) {
	switch target {
	case "":
		return nil, usageError(errors.New("--events has to name something: a file, stdout, or null for no events"))
	case "-":
		return nil, usageError(errors.New("--events - is not known; standard output is stdout, and a file of that name ./-"))
	}
	if isTerminal(stdout) {
		stdout = report.TerminalSafe(stdout)
	}
	sink, err := jsonl.ParseTarget(target).Open(stdout)
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
