package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// openedStore is a store that is to be closed.
type openedStore interface {
	store.Store
	io.Closer
}

// openStore opens the store at an address, and makes its tables where there
// are none. It refuses a file that is one of the streams to be read.
func openStore(ctx context.Context, at address, sources sources) (openedStore, error) {
	if at.isStream(sources) {
		return nil, usageError(fmt.Errorf("--to sqlite:%s: is a stream that is to be read, and the only record of its run; name another file", report.Printable(at.location)))
	}
	s, err := openAddress(ctx, at)
	if err != nil && ctx.Err() != nil {
		return nil, errInterrupted
	}
	return s, err
}

func openAddress(ctx context.Context, at address) (openedStore, error) {
	if at.scheme == schemeSQLite {
		return opened(sqlite.Open(ctx, at.location))
	}
	return openedPostgres(postgres.Open(ctx, at.location))
}

// openDurable is openStore for who lets go of what was sent once its rows are
// committed.
func openDurable(ctx context.Context, at address) (s openedStore, err error) {
	if at.scheme == schemeSQLite {
		s, err = opened(sqlite.Open(ctx, at.location, sqlite.Durable()))
	} else {
		s, err = openedPostgres(postgres.Open(ctx, at.location, postgres.Durable()))
	}
	if err != nil && ctx.Err() != nil {
		return nil, errInterrupted
	}
	return s, err
}

// openExisting opens a store to look at it. It makes nothing.
func openExisting(ctx context.Context, at address) (openedStore, error) {
	if at.scheme == schemeSQLite {
		return opened(sqlite.Open(ctx, at.location, sqlite.MustExist()))
	}
	return openedPostgres(postgres.Open(ctx, at.location, postgres.MustExist()))
}

// openExistingDurable is openDurable for a store that is there.
func openExistingDurable(ctx context.Context, at address) (openedStore, error) {
	if at.scheme == schemeSQLite {
		return opened(sqlite.Open(ctx, at.location, sqlite.MustExist(), sqlite.Durable()))
	}
	return openedPostgres(postgres.Open(ctx, at.location, postgres.MustExist(), postgres.Durable()))
}

// openOrEmpty is openExisting, but for a store that is not there yet an empty
// one that nobody will see.
func openOrEmpty(ctx context.Context, at address) (openedStore, error) {
	s, err := openExisting(ctx, at)
	if errors.Is(err, fs.ErrNotExist) && !isConnectError(err) {
		return emptyStore{memory.New()}, nil
	}
	return s, err
}

// isConnectError reports whether a server cannot be reached. Its socket may be
// a file that does not exist.
func isConnectError(err error) bool {
	var failed *pgconn.ConnectError
	return errors.As(err, &failed)
}

// opened makes sure that a store that could not be opened is nil.
func opened[S openedStore](s S, err error) (openedStore, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openedPostgres(s *postgres.Store, err error) (openedStore, error) {
	if errors.Is(err, postgres.ErrAddress) {
		err = usageError(fmt.Errorf("--to: %w", err))
	}
	return opened(s, err)
}

type emptyStore struct{ *memory.Store }

func (emptyStore) Close() error { return nil }
