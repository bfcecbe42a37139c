package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// A full disk is hard to set up, but its SQLSTATE is not.
func TestFull(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s := open(t, address)
	put(t, s, "old")
	sql(t, address,
		`CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END $$`,
		`CREATE TRIGGER no_room BEFORE INSERT ON sh_events EXECUTE FUNCTION no_room()`)
	checkUpdate(t, s, store.ErrFull)
	expect(t, s, "old")
}

// An error of the server while it receives rows ends the transaction, however late the
// caller sees it, and even if the caller ignores it.
func TestRowsThatAreThere(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s := open(t, address)
	put(t, s, "old")
	err := s.Update(ctx, func(tx store.Tx) error {
		if err := tx.Insert(rowsOf("new")); err != nil {
			return err
		}
		_ = tx.Insert(commands("old", 1, strings.Repeat("x", 2<<20))) // more than is held back
		_ = tx.Insert(rowsOf("newer"))
		return nil
	})
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != "23505" { // unique_violation
		t.Errorf("it ends with %v", err)
	}
	expect(t, s, "old")
	assert.Len(t, stored(t, s, "old", "new", "newer"), 1)
}

// A server that crashes during a transaction leaves nothing of it. The store works again
// when the server does.
func TestServerThatDies(t *testing.T) {
	server := pgtest.New(t)
	address := server.NewDatabase(t)
	s := open(t, address)
	put(t, s, "old")
	for name, stop := range map[string]func(testing.TB){"killed": server.Kill, "stopped": server.Stop} {
		t.Run(name, func(t *testing.T) {
			err := s.Update(ctx, func(tx store.Tx) error {
				if err := replace(tx, "old", "new"); err != nil {
					return err
				}
				for i := range 40 {
					if i == 20 {
						stop(t)
					}
					if err := tx.Insert(manyRows(domain.RunID(fmt.Sprint("large", i)))); err != nil {
						return err
					}
				}
				return nil
			})
			if !errors.Is(err, store.ErrAway) || !strings.Contains(err.Error(), "the connection to the database is lost") {
				t.Errorf("it fails with %v", err)
			}
			for name, call := range calls(s) {
				assert.ErrorIs(t, call(), store.ErrAway, "there is no server, and %s ends", name)
			}
			_, err = postgres.Open(ctx, address)
			assert.ErrorIs(t, err, store.ErrAway, "there is no server, and Open ends")
			server.Start(t)
			expect(t, s, "old")
			assert.Len(t, stored(t, s, "old", "new"), 1)
			put(t, s, "old")
		})
	}
}

// calls has a call of each method of a store.
func calls(s *postgres.Store) map[string]func() error {
	return map[string]func() error{
		"Update":      func() error { return s.Update(ctx, func(tx store.Tx) error { return replace(tx, "r") }) },
		"View":        func() error { return s.View(ctx, "r", func(store.Snapshot) error { return nil }) },
		"Checkpoints": func() error { _, err := s.Checkpoints(ctx, []domain.RunID{"r"}); return err },
		"Runs":        func() error { _, err := s.Runs(ctx, store.Page{}); return err },
		"Outdated":    func() error { _, err := s.Outdated(ctx, "", 1); return err },
		"Versions":    func() error { _, err := s.Versions(ctx); return err },
		"RunIDs":      func() error { _, err := s.RunIDs(ctx, "", 1); return err },
		"Waiting":     func() error { _, err := s.Waiting(ctx); return err },
		"Parked":      func() error { _, _, err := s.Parked(ctx, "r", 0); return err },
		"Revision":    func() error { _, err := s.Revision(ctx); return err },
		"Kept":        func() error { _, err := s.Kept(ctx, []domain.RunID{"r"}); return err },
		"Piece":       func() error { _, err := s.Piece(ctx, "r", 0); return err },
	}
}

// Idle connections that have died are replaced without an error.
func TestIdleConnectionsThatDie(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s := open(t, address)
	put(t, s, "r")
	hand := connect(t, address)
	for name, call := range calls(s) {
		atOnce(t, s, 4)
		const others = ` FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
		for left := 1; left > 0; {
			require.NoError(t, hand.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid))`+others).Scan(&left))
		}
		assert.NoError(t, call(), name)
	}
}

// atOnce uses a number of connections at the same time, so that the pool has as many.
func atOnce(t *testing.T, s store.Store, n int) {
	t.Helper()
	if n == 0 {
		return
	}
	assert.NoError(t, s.View(ctx, "r", func(store.Snapshot) error { atOnce(t, s, n-1); return nil }))
}

// manyRows are more rows than are sent at once.
func manyRows(run domain.RunID) *store.Rows { return commands(run, 5000, strings.Repeat("x", 300)) }

func commands(run domain.RunID, n int, cmd string) *store.Rows {
	rows := make([]projections.Row[projections.ShEvent], n)
	for i := range rows {
		rows[i] = projections.Row[projections.ShEvent]{Index: i, Value: projections.ShEvent{JobID: "j", Seq: i + 1, Cmd: cmd}}
	}
	return &store.Rows{RunID: run, Tables: []store.TableRows{store.RowsOf(projections.ShEvents, rows...)}}
}

// The connection of a failed transaction is reused, even if it was sending rows, and even
// if the context has ended.
func TestConnectionIsUsedAgain(t *testing.T) {
	pool, err := pgxpool.New(ctx, as(t, pgtest.Shared(t).NewDatabase(t), "pool_max_conns", "1"))
	require.NoError(t, err)
	defer pool.Close()
	s, err := postgres.New(ctx, pool)
	require.NoError(t, err)
	before := pool.Stat().NewConnsCount()
	for name, fail := range map[string]func(cancel func()) error{
		"an error":       func(func()) error { return errors.New("of the caller") },
		"a cancellation": func(cancel func()) error { cancel(); return context.Canceled },
		"a panic":        func(func()) error { panic("at the disco") },
	} {
		t.Run(name, func(t *testing.T) {
			updateFails(t, s, fail)
			assert.Empty(t, stored(t, s, "r"))
			put(t, s, "other")
			if n := pool.Stat().NewConnsCount(); name != "a cancellation" && n != before {
				t.Errorf("%d new connections", n-before)
			}
			before = pool.Stat().NewConnsCount()
		})
	}
	t.Run("a cancellation while nothing is sent", func(t *testing.T) {
		cancelled, cancel := context.WithCancel(ctx)
		err := s.Update(cancelled, func(tx store.Tx) error {
			_, err := tx.Lock([]domain.RunID{"r"})
			cancel()
			return errors.Join(err, cancelled.Err())
		})
		put(t, s, "r")
		if n := pool.Stat().NewConnsCount(); !errors.Is(err, context.Canceled) || n != before {
			t.Errorf("%v, and %d new connections", err, n-before)
		}
	})
}

// updateFails makes an update fail while it sends rows.
func updateFails(t *testing.T, s store.Store, fail func(cancel func()) error) {
	t.Helper()
	cancelled, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := false
	func() {
		defer func() {
			if recover() != nil {
				failed = true
			}
		}()
		err := s.Update(cancelled, func(tx store.Tx) error {
			if err := errors.Join(replace(tx, "r"), tx.Insert(manyRows("large"))); err != nil {
				return err
			}
			return fail(cancel)
		})
		failed = err != nil
	}()
	assert.True(t, failed, "it is committed")
}
