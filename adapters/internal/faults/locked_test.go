//go:build unix

package faults

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// patience is how long a store waits for a lock.
const patience = 100 * time.Millisecond

// Another program has an open transaction that writes.
func TestLockedFile(t *testing.T) {
	db, s := sqliteIn(t.TempDir()), newStream(t.TempDir(), "run")
	writeBefore(t, db, s)
	file := strings.TrimPrefix(db.address, "sqlite:")
	opened, err := sqlite.Open(t.Context(), file, sqlite.BusyTimeout(patience))
	require.NoError(t, err)
	defer opened.Close()
	other := connect(t, db)
	execute(t, other, "BEGIN IMMEDIATE")
	s.becomes(t, after(t, s))

	from := time.Now()
	_, err = store.Ingest(t.Context(), opened, s.recording(), store.Options{})
	assert.ErrorIs(t, err, store.ErrLocked, "Ingest")
	assert.ErrorContains(t, err, "try again later")
	assert.ErrorContains(t, err, file)
	if waited := time.Since(from); waited < patience || waited > time.Minute {
		t.Errorf("it has waited for %v", waited)
	}
	assert.True(t, before(t, s).is(readRecord(t, opened, s.run)), "a reader does not find the run")
	completesWhenFree(t, s, db, func() { execute(t, other, "ROLLBACK") })
}

// completesWhenFree expects that the program waits for the lock, and then completes its work.
func completesWhenFree(t *testing.T, s *stream, db database, free func()) {
	t.Helper()
	c := start(t, s.path, "--to", db.address)
	time.Sleep(patience)
	freed := time.Now()
	free()
	e := c.wait(t)
	e.succeeds(t)
	assert.False(t, c.started.Add(e.took).Before(freed), "it has not waited")
	verified(t, s.path, db)
}

// Another program has locked a table or a checkpoint.
func TestLockedTable(t *testing.T) {
	for _, lock := range []struct{ name, statement string }{
		{"a table", `LOCK TABLE sh_events IN ACCESS EXCLUSIVE MODE`},
		{"all checkpoints", `LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE`},
		{"a checkpoint", `SELECT * FROM checkpoints FOR UPDATE`},
	} {
		t.Run(lock.name, func(t *testing.T) {
			db, s := postgresAt(pgtest.Shared(t).NewDatabase(t)), newStream(t.TempDir(), "run")
			writeBefore(t, db, s)
			opened := db.open(t)
			other := connect(t, db)
			execute(t, other, "BEGIN", lock.statement)
			s.becomes(t, after(t, s))
			waitsInVain(t, opened, s)
			impatient := with(t, db.address, "lock_timeout", "50")
			run(t, s.path, "--to", impatient).fails(t, "the database is locked by another program", "run the same again")
			completesWhenFree(t, s, db, func() { execute(t, other, "ROLLBACK") })
		})
	}
}

// Another program has an open transaction that writes the same run.
func TestLockedRun(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		db, s := fresh(), newStream(t.TempDir(), "run")
		writeBefore(t, db, s)
		opened, other := db.open(t), db.open(t)
		s.becomes(t, after(t, s))
		locked, free, ended := make(chan bool), make(chan bool), make(chan error, 1)
		go func() {
			ended <- other.Update(context.Background(), func(tx store.Tx) error {
				_, err := tx.Lock([]domain.RunID{s.run})
				close(locked)
				<-free
				return err
			})
		}()
		<-locked
		waitsInVain(t, opened, s)
		completesWhenFree(t, s, db, func() {
			close(free)
			assert.NoError(t, <-ended)
		})
	})
}

// waitsInVain expects that a deadline ends the waiting.
func waitsInVain(t *testing.T, opened opened, s *stream) {
	t.Helper()
	from := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := store.Ingest(ctx, opened, s.recording(), store.Options{})
	assert.ErrorIs(t, err, context.DeadlineExceeded, "Ingest")
	if waited := time.Since(from); waited < patience || waited > time.Minute {
		t.Errorf("it has waited for %v", waited)
	}
}
