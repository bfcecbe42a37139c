// Package stores opens a store by its address: sqlite:FILE or postgres://USER@HOST/DATABASE.
// It imports the drivers of both databases. If you need only one of them, import
// adapters/sqlite or adapters/postgres instead.
//
//	s, err := stores.Open(ctx, "sqlite:quire.db", stores.Options{})
package stores

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Store is an open store.
type Store interface {
	store.Store
	io.Closer
}

// Options are the options of [Open]. The zero value creates the store if it does not exist.
type Options struct {
	// Projections has the projections that the store has tables for; nil means
	// [projections.Builtin].
	Projections *projections.Set
	// MustExist makes Open fail with [fs.ErrNotExist] if the store does not exist.
	MustExist bool
	// Create, when set, is called before Open creates a store. If it returns an error, Open does not.
	Create func() error
	// OrEmpty makes Open return an empty store in memory if the store does not exist.
	OrEmpty bool
	// Durable makes each commit wait until it is on the disk. Set it if you discard a part of a
	// stream, or acknowledge it to a broker, once its rows are committed.
	Durable bool
	// KeepStreams makes the store keep streams from now on.
	KeepStreams bool
	// Follow tunes the store for small transactions over a long time, by a program that
	// does not discard the streams.
	Follow bool
	// Wait, if set, repeats opening a store that is unavailable, such as follow.Retry.Do. Open does
	// not wait if no server is at the address, since the address may be wrong.
	Wait func(ctx context.Context, do func() error) error
}

const (
	// followBusy is how long SQLite waits for other writers. After that, the caller waits,
	// and can report it.
	followBusy = 2 * time.Second
	// followCache is enough for transactions of some milliseconds.
	followCache = 4 << 20
)

// Open opens the store at an address. An [AddressError] reports an address that cannot be right.
func Open(ctx context.Context, address string, o Options) (s Store, err error) {
	s, err = open(ctx, address, o)
	if o.Wait != nil && store.IsAway(err) && !IsUnreachable(err) {
		err = o.Wait(ctx, func() error {
			s, err = open(ctx, address, o)
			return err
		})
	}
	return s, err
}

func open(ctx context.Context, address string, o Options) (Store, error) {
	if create := o.Create; create != nil && !o.MustExist && !o.OrEmpty {
		o.MustExist, o.Create = true, nil
		s, err := open(ctx, address, o)
		if !isMissing(err) {
			return s, err
		}
		if err := create(); err != nil {
			return nil, err
		}
		o.MustExist = false
	}
	file, sqlite, err := parse(address)
	if err != nil {
		return nil, err
	}
	o.MustExist = o.MustExist || o.OrEmpty
	if o.Projections == nil {
		o.Projections = projections.Builtin
	}
	var s Store
	if sqlite {
		s, err = opened(openSQLite(ctx, file, o))
	} else {
		s, err = opened(openPostgres(ctx, address, o))
	}
	switch {
	case errors.Is(err, postgres.ErrAddress):
		return nil, &AddressError{err: err}
	case o.OrEmpty && isMissing(err):
		return empty{memory.Of(o.Projections)}, nil
	}
	return s, err
}

func openSQLite(ctx context.Context, file string, o Options) (*sqlite.Store, error) {
	options := chosen(o, sqlite.MustExist(), sqlite.Durable(), sqlite.KeepStreams())
	if o.Follow {
		options = append(options, sqlite.BusyTimeout(followBusy), sqlite.Cache(followCache))
	}
	return sqlite.Open(ctx, file, append(options, sqlite.Projections(o.Projections))...)
}

// openPostgres opens a database on a server. With Follow its commits are durable: if the server
// crashes while the program continues, the program would not write the lost rows again. An
// SQLite file crashes only together with the program.
func openPostgres(ctx context.Context, address string, o Options) (*postgres.Store, error) {
	o.Durable = o.Durable || o.Follow
	options := chosen(o, postgres.MustExist(), postgres.Durable(), postgres.KeepStreams())
	return postgres.Open(ctx, address, append(options, postgres.Projections(o.Projections))...)
}

// chosen returns the database options that o selects.
func chosen[Option any](o Options, mustExist, durable, keep Option) (options []Option) {
	if o.MustExist {
		options = append(options, mustExist)
	}
	if o.Durable {
		options = append(options, durable)
	}
	if o.KeepStreams {
		options = append(options, keep)
	}
	return options
}

// opened converts a store that could not be opened to a nil interface.
func opened[S Store](s S, err error) (Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// isMissing reports whether err says that there is no store at an address.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) && !RefusesConnection(err) }

type empty struct{ *memory.Store }

func (empty) Close() error { return nil }

// RefusesConnection reports whether err says that a server is not there, or that it refused the
// connection. Such an error may be an [fs.ErrNotExist], because a socket is a file.
func RefusesConnection(err error) bool {
	var failed *pgconn.ConnectError
	return errors.As(err, &failed)
}

// IsUnreachable reports whether err means that there is no server at the address.
func IsUnreachable(err error) bool {
	var answer *pgconn.PgError
	return RefusesConnection(err) && !errors.As(err, &answer)
}
