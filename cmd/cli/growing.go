package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
)

// growing checks that a path can be followed, and reports whether it is a folder.
func (f *readFlags) growing(path string) (folder bool, err error) {
	if path == jsonl.Stdin {
		return false, usageError(errors.New("follow reads files; a pipe is read as it grows by quire-project - --to ndjson"))
	}
	if strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst") {
		return false, &follow.CompressedError{Path: path}
	}
	folder = isFolder(path)
	if _, err := os.Stat(path); f.runID != "" && errors.Is(err, os.ErrNotExist) {
		folder = false // what has one id will be one stream
	}
	if f.runID != "" && folder {
		return folder, usageError(fmt.Errorf("--run-id names one run, and %s is a folder of runs", report.Printable(path)))
	}
	return folder, nil
}

// isFolder reports whether a path is a folder or, where nothing is there yet,
// looks like one.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return !strings.HasSuffix(path, ".jsonl")
	}
	return err == nil && info.IsDir()
}
