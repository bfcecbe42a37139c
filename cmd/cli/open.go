package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// openedStore is a store that is to be closed.
type openedStore interface {
	store.Store
	io.Closer
}

// opening is how a store is opened.
type opening struct {
	// set are the projections that the program has.
	set *projections.Set
	// remake says that tables that were made for other columns are made anew.
	remake bool
	// existing says that it is there: nothing is made.
	existing bool
	// durable says that whoever opens it lets go of what was sent once its rows
	// are committed.
	durable bool
}

// store opens the store at an address, and makes its tables where there are none.
func (o opening) store(ctx context.Context, at address) (s openedStore, err error) {
	if at.scheme == schemeSQLite {
		options := flagged(o, sqlite.MustExist(), sqlite.Durable(), sqlite.Remake())
		s, err = opened(sqlite.Open(ctx, at.location, append(options, sqlite.Projections(o.set))...))
	} else {
		options := flagged(o, postgres.MustExist(), postgres.Durable(), postgres.Remake())
		s, err = openedPostgres(postgres.Open(ctx, at.location, append(options, postgres.Projections(o.set))...))
	}
	if err != nil && ctx.Err() != nil {
		return nil, errInterrupted
	}
	return s, err
}

// flagged returns the options of a store that stand for o.
func flagged[Option any](o opening, existing, durable, remake Option) (options []Option) {
	if o.existing {
		options = append(options, existing)
	}
	if o.durable {
		options = append(options, durable)
	}
	if o.remake {
		options = append(options, remake)
	}
	return options
}

// into opens the store that sources are to be read into. It refuses a file that is one of
// them.
func (o opening) into(ctx context.Context, at address, sources sources) (openedStore, error) {
	if at.isStream(sources) {
		return nil, errIsStream(at)
	}
	return o.store(ctx, at)
}

// errIsStream says that the file of a store is one of the streams to be read.
func errIsStream(at address) error {
	return usageError(fmt.Errorf("--to sqlite:%s: is a stream that is to be read, and the only record of its run; name another file", report.Printable(at.location)))
}

// orEmpty opens a store that exists, or else an empty one that nobody will see.
func (o opening) orEmpty(ctx context.Context, at address) (openedStore, error) {
	o.existing, o.remake = true, false
	s, err := o.store(ctx, at)
	if errors.Is(err, fs.ErrNotExist) && !isConnectError(err) {
		return emptyStore{memory.Of(o.set)}, nil
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

// unknownProjections says which tables a store has that the program does not know.
func unknownProjections(ctx context.Context, s store.Store) (words string, err error) {
	versions, err := s.Versions(ctx)
	for _, of := range s.Projections().Stored() {
		delete(versions, of.Name)
	}
	if err != nil || len(versions) == 0 {
		return "", err
	}
	names := slices.Sorted(maps.Keys(versions))
	return fmt.Sprintf("the store has projections that this program does not know (%s); it leaves their rows as they are", report.Printable(strings.Join(names, ", "))), nil
}

type emptyStore struct{ *memory.Store }

func (emptyStore) Close() error { return nil }
