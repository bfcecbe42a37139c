package main

import (
	"io"
	"os"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
)

// device is a sink that writes to a device, which can be a terminal by many names:
// /dev/tty, /dev/stderr, /proc/self/fd/1.
type device struct {
	*jsonl.Writer
	file *os.File
}

func (d device) Close() error { return d.file.Close() }

// isDevice reports whether a path leads to a device that takes text.
func isDevice(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func openDevice(path string) (jsonl.Sink, error) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	return device{jsonl.NewWriter(safe(file)), file}, nil
}

// safe returns what writes to out and, if out is a terminal, does it no harm: what is
// in events is not trusted.
func safe(out io.Writer) io.Writer {
	if isTerminal(out) {
		return report.TerminalSafe(out)
	}
	return out
}
