package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// checkFollowed checks the store that follow updates. Its file cannot be one of the streams, or match
// their names.
func (f *followFlags) checkFollowed(path string) error {
	if f.runID != "" {
		if err := store.CheckRunID(domain.RunID(f.runID)); err != nil {
			return command.Usage("--run-id: %w", err)
		}
	}
	if file := stores.SQLiteFile(f.to); file != "" && isAmong(file, path) {
		return errIsStream(file)
	}
	return checkStore(f.to)
}

// isAmong reports whether a file that does not exist yet would count as a stream later.
func isAmong(file, path string) bool {
	if stores.IsDatabase(file) || !strings.HasSuffix(file, ".jsonl") {
		return false
	}
	file, fileErr := filepath.Abs(file)
	folder, folderErr := filepath.Abs(path)
	inside, err := filepath.Rel(folder, file)
	return errors.Join(fileErr, folderErr, err) == nil && (inside == "." || isFolder(path) && filepath.IsLocal(inside))
}

// openFollowed opens the store that follow updates. It waits while the store is unavailable, but fails
// if the store was never reachable: the address may be wrong.
func (f *followFlags) openFollowed(ctx context.Context, path string, p *app, retry *follow.Retry) (s stores.Store, err error) {
	if err := f.checkFollowed(path); err != nil {
		return nil, err
	}
	streams := jsonl.Streams{Paths: []string{path}}
	var unreachable error
	reached := false
	err = retry.Do(ctx, func() error {
		s, err = p.open(ctx, f.to, stores.Options{Follow: true}, streams)
		if reached = reached || !stores.IsUnreachable(err); !reached {
			unreachable = err
			return errors.New("not to be waited for")
		}
		return err
	})
	return s, cmp.Or(unreachable, err)
}

// checkGrowing checks that a path can be followed, and reports whether it is a folder.
func (f *readFlags) checkGrowing(path string) (folder bool, err error) {
	if strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst") {
		return false, &follow.CompressedError{Path: path}
	}
	folder = isFolder(path)
	if _, err := os.Stat(path); f.runID != "" && errors.Is(err, os.ErrNotExist) {
		folder = false // a path with one run id will be a single stream
	}
	if f.runID != "" && folder {
		return folder, command.Usage("--run-id names one run, and %s is a folder of runs", report.Printable(path))
	}
	return folder, nil
}

// isFolder reports whether a path is a folder or, if nothing exists there yet, looks like one.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return path != jsonl.Stdin && !strings.HasSuffix(path, ".jsonl")
	}
	return err == nil && info.IsDir()
}
