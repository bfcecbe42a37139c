package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Store is a [store.Store] in a PostgreSQL database.
type Store struct {
	pool    *pgxpool.Pool
	db      *sql.DB // the same pool, for reading
	dialect *sqlread.Dialect
	tables  []*table
	schema  string // in which the tables are
	begin   string // begins a transaction that writes
	close   func()
}

var _ store.Store = (*Store)(nil)

// Open opens the store in the database at address, which is a URL as
// postgres://user@host:5432/database?sslmode=require. The tables are those of the
// connection's current schema, the first one of its search_path that exists.
// They are made where there are none, and brought up to date where they are older.
// An error does not show a password that is in address.
func Open(ctx context.Context, address string, opts ...Option) (*Store, error) {
	config, err := parse(address)
	if err != nil {
		return nil, err
	}
	params := config.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "quire-project"
	}
	// What the address, the role or the database say of it would garble text, in
	// writing and in reading alike.
	maps.DeleteFunc(params, func(name, _ string) bool { return strings.EqualFold(name, "client_encoding") })
	params["client_encoding"] = encoding
	if !strings.Contains(address, "default_query_exec_mode=") {
		config.ConnConfig.DefaultQueryExecMode = poolable
	}
	config.ShouldPing = always
	if config.PingTimeout == 0 { // it is not in the address
		config.PingTimeout = answering
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	s, err := New(ctx, pool, opts...)
	if err != nil {
		pool.Close()
		return nil, err
	}
	s.close = pool.Close
	return s, nil
}

// encoding is that of all text between this program and the server.
const encoding = "UTF8"

// poolable is how statements are run: none is prepared under a name, which a
// pooler that hands out connections for a transaction at a time would keep for
// another client, or lose.
const poolable = pgx.QueryExecModeCacheDescribe

// answering is how long a server may take to answer before a connection is given up, and
// how long is waited for connections when a store is closed.
const answering = 5 * time.Second

// always has a connection tried before it is used. The pool does so only after
// a second, in which a server can have been restarted; one round trip is little
// beside what a store does with a connection.
func always(context.Context, pgxpool.ShouldPingParams) bool { return true }

// New opens the store in a database that the caller has a pool of connections
// to, and makes its tables as [Open] does. Its connections have to have the
// client_encoding UTF8. The pool stays the caller's: Close does not close it. Each
// Update, View and query that goes on takes one of its connections.
func New(ctx context.Context, pool *pgxpool.Pool, opts ...Option) (*Store, error) {
	o := options{set: projections.Builtin}
	for _, opt := range opts {
		opt(&o)
	}
	s := &Store{
		pool: pool, db: stdlib.OpenDBFromPool(pool), begin: beginQuery(o.durable), close: func() {},
		dialect: newDialect(o.set),
	}
	for _, of := range o.set.Stored() {
		s.tables = append(s.tables, newTable(of))
	}
	if err := s.prepare(ctx, &o); err != nil {
		s.db.Close()
		at := pool.Config().ConnConfig
		return nil, fmt.Errorf("open the store in database %q on %s: %w", at.Database, at.Host, explain(err))
	}
	return s, nil
}

// Close ends the use of the store, and waits a while for connections that are in use: a
// server that does not answer is left alone with them.
func (s *Store) Close() error {
	closed := make(chan error, 1)
	go func() {
		err := s.db.Close()
		s.close()
		closed <- err
	}()
	select {
	case err := <-closed:
		return err
	case <-time.After(answering):
		return nil
	}
}
