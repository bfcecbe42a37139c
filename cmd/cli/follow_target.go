package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// followedStore returns the store that is to be kept up to date. It cannot be a
// file that is, or would be, one of the streams.
func (f *followFlags) followedStore(path string) (address, error) {
	at, err := parseAddress(f.to)
	if err != nil {
		return at, err
	}
	if f.runID != "" {
		if err := store.CheckRunID(domain.RunID(f.runID)); err != nil {
			return at, usageError(fmt.Errorf("--run-id: %w", err))
		}
	}
	single := jsonl.FileSource(path)
	if at.isStream(sources{paths: []string{path}, many: isFolder(path), single: single}) || at.scheme == schemeSQLite && isAmong(at.location, path) {
		return at, errIsStream(at)
	}
	return at, nil
}

// isAmong reports whether a file that is not there yet would be taken for a
// stream when it is.
func isAmong(file, path string) bool {
	if isDatabase(file) || !strings.HasSuffix(file, ".jsonl") {
		return false
	}
	file, fileErr := filepath.Abs(file)
	folder, folderErr := filepath.Abs(path)
	inside, err := filepath.Rel(folder, file)
	return errors.Join(fileErr, folderErr, err) == nil && (inside == "." || isFolder(path) && filepath.IsLocal(inside))
}

// busy is how long SQLite waits for others who write. Then it is told that they
// do, and waited for longer: nobody is told of what takes less.
const busy = 2 * time.Second

// followedCache does for transactions of what a few runs have written in some milliseconds.
// SQLite takes about twice as much memory.
const followedCache = 4 << 20

// openFollowed opens the store that is to be kept up to date, waiting while it is
// away, unless it could never be reached: the address may be a wrong one.
func (f *followFlags) openFollowed(ctx context.Context, path string, set *projections.Set, patience *follow.Patience) (s openedStore, err error) {
	at, err := f.followedStore(path)
	if err != nil {
		return nil, err
	}
	var unreachable error
	reached := false
	err = patience.Do(ctx, func() error {
		s, err = openLasting(ctx, at, set)
		if reached = reached || !isUnreachable(err); !reached {
			unreachable = err
			return errors.New("not to be waited for")
		}
		return err
	})
	return s, cmp.Or(unreachable, err)
}

// isUnreachable reports whether a server was not found at its address.
func isUnreachable(err error) bool {
	var said *pgconn.PgError
	return isConnectError(err) && !errors.As(err, &said)
}

// openLasting opens a store that is kept up to date for a long time.
//
// PostgreSQL's commits wait for the disk here, though the streams stay. A server
// that goes down would take the last rows with it while following goes on, and
// those of a run that does not grow any more would be missing until it is followed
// anew. With SQLite's file that cannot be: when its computer goes down, so does
// this program.
func openLasting(ctx context.Context, at address, set *projections.Set) (openedStore, error) {
	if at.scheme == schemeSQLite {
		return opened(sqlite.Open(ctx, at.location, sqlite.BusyTimeout(busy), sqlite.Cache(followedCache), sqlite.Projections(set)))
	}
	return openedPostgres(postgres.Open(ctx, at.location, postgres.Durable(), postgres.Projections(set)))
}
