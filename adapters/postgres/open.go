package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/projections"
)

// Option changes how a store is opened.
type Option func(*options)

type options struct {
	mustExist, durable, keep bool
	set                      *projections.Set
}

// Projections sets the projections that the store has tables for. The default is
// [projections.Builtin].
func Projections(set *projections.Set) Option { return func(o *options) { o.set = set } }

// KeepStreams makes the store keep the streams of its runs, from now on and whichever program
// writes it. Streams that were read before are kept when they are read again.
func KeepStreams() Option { return func(o *options) { o.keep = true } }

// MustExist makes [Open] fail with [io/fs.ErrNotExist] if there is no store yet, instead of
// creating one.
func MustExist() Option { return func(o *options) { o.mustExist = true } }

// Durable makes every commit wait until it is on the server's disk. Use it if you delete
// streams, or acknowledge messages, after their rows are committed. Otherwise the rows of the
// last half second are derived again if the server crashes.
func Durable() Option { return func(o *options) { o.durable = true } }

// ErrAddress is the error of [Open] for an address that is not valid.
var ErrAddress = errors.New("the address of the database is not valid")

// errAddress does not quote the address: in an invalid address, any part could be the password.
var errAddress = fmt.Errorf("%w (it is not shown, as it may hold a password); it looks like postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require, with %%40 for an @ in a part of it, %%3A for :, %%2F for /, %%3F for ? and %%23 for #", ErrAddress)

// plain matches addresses in which it is clear where the password ends: the only @ follows it,
// and a port is a number. Otherwise, if a password contains an @, an error could show half
// of it as the name of a host that does not exist.
var plain = regexp.MustCompile(`^postgres(ql)?://([^@/?#]*@)?` + host + `(,` + host + `)*(/[^@?#]*)?(\?[^@#]*)?$`)

// host matches a name, an address or nothing, and a port.
const host = `(\[[^]@/?#]*\]|[^:,@/?#[]*)(:[0-9]*)?`

// parse reads an address. An error does not show its password.
func parse(address string) (*pgxpool.Config, error) {
	if !plain.MatchString(address) {
		return nil, errAddress
	}
	config, err := pgxpool.ParseConfig(address)
	if err == nil {
		return config, nil
	}
	// The error that pgx wraps does not contain the address. But an & in a password in the
	// query may have split it.
	if wrong := errors.Unwrap(err); wrong != nil && !strings.Contains(address, "password") {
		return nil, fmt.Errorf("%w: %w", ErrAddress, wrong)
	}
	return nil, errAddress
}

// Open opens the store in the database at address, a URL such as
// postgres://user@host:5432/database?sslmode=require. The tables are in the
// connection's current schema, the first one of its search_path that exists.
// Open makes missing tables and upgrades older ones.
// An error does not show the password in the address.
func Open(ctx context.Context, address string, opts ...Option) (*Store, error) {
	config, err := parse(address)
	if err != nil {
		return nil, err
	}
	params := config.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "quire-project"
	}
	// Any other encoding, from the address, the role or the database, would garble text.
	maps.DeleteFunc(params, func(name, _ string) bool { return strings.EqualFold(name, "client_encoding") })
	params["client_encoding"] = encoding
	if !strings.Contains(address, "default_query_exec_mode=") {
		config.ConnConfig.DefaultQueryExecMode = poolable
	}
	config.ShouldPing = always
	if config.PingTimeout == 0 { // not in the address
		config.PingTimeout = answerTimeout
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

// encoding is the encoding of all text between this program and the server.
const encoding = "UTF8"

// poolable runs statements without preparing them under a name. A pooler that assigns
// connections per transaction would give a named statement to another client, or lose it.
const poolable = pgx.QueryExecModeCacheDescribe

// answerTimeout is how long to wait for a server's answer before giving up a connection,
// and for connections when closing a store.
const answerTimeout = 5 * time.Second

// always makes the pool test a connection before each use. By default, it does so only if the
// connection was idle for a second; the server may have been restarted before that. One round trip
// is little compared with what a store does with a connection.
func always(context.Context, pgxpool.ShouldPingParams) bool { return true }

// New opens the store in a database to which you have a pool of connections, and makes its
// tables as [Open] does. The connections must have the client_encoding UTF8. Close does not
// close the pool. Each Update, View and query takes one of its connections. Only kept streams
// are read by connections of the store's own, at most two.
func New(ctx context.Context, pool *pgxpool.Pool, opts ...Option) (*Store, error) {
	o := options{set: projections.Builtin}
	for _, opt := range opts {
		opt(&o)
	}
	s := &Store{
		pool: pool, db: stdlib.OpenDBFromPool(pool), kept: openKept(pool), begin: beginQuery(o.durable), close: func() {},
		dialect: newDialect(o.set),
	}
	s.dialect.Error = s.explain
	s.use(s.dialect, s.db)
	err := s.prepare(ctx, &o)
	if err == nil && o.keep {
		_, err = pool.Exec(ctx, sqlstore.KeepStreams)
		err = explainWrite(err)
	}
	if err != nil {
		_, _ = s.db.Close(), s.kept.Close() // the first error is the one to report
		at := pool.Config().ConnConfig
		return nil, fmt.Errorf("open the store in database %q on %s: %w", at.Database, at.Host, explain(err))
	}
	return s, nil
}

// use makes the store use the tables of a dialect, and read by db.
func (s *Store) use(d *sqlstore.Dialect, db sqlstore.Querier) {
	s.dialect, s.reader, s.tables = d, sqlstore.NewReader(d, querier{db}), nil
	for _, of := range d.Set.Stored() {
		s.tables = append(s.tables, newTable(d, of))
	}
}

// Close closes the store. It waits a while for connections that are in use, but not for a
// server that does not answer.
func (s *Store) Close() error {
	closed := make(chan error, 1)
	go func() {
		err := errors.Join(s.db.Close(), s.kept.Close())
		s.close()
		closed <- err
	}()
	select {
	case err := <-closed:
		return err
	case <-time.After(answerTimeout):
		return nil
	}
}
