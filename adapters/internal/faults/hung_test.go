//go:build unix

package faults

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// The server stops answering in the middle of a transaction. A deadline ends the waiting,
// and the locks are released when the server is back.
func TestHungServer(t *testing.T) {
	db, s := postgresAt(pgtest.Shared(t).NewDatabase(t)), newStream(t.TempDir(), "run")
	writeBefore(t, db, s)
	opened, other := db.open(t), connect(t, db)
	s.becomes(t, newVersion(s.run, synthetic(t, large(0))))

	from, goOn := time.Now(), func() {}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	hangs := &hanging{Store: opened, hang: func() { goOn = hang(t, other) }}
	_, err := store.Ingest(ctx, hangs, s.recording(), store.Options{})
	assert.ErrorIs(t, err, context.DeadlineExceeded, "Ingest")
	if waited := time.Since(from); waited < patience || waited > time.Minute {
		t.Errorf("it has waited for %v", waited)
	}
	assert.True(t, before(t, s).is(readRecord(t, opened, s.run)), "a reader does not find the old rows")
	goOn()
	_, err = store.Ingest(t.Context(), opened, s.recording(), store.Options{})
	assert.NoError(t, err)
	verified(t, s.path, db)
}

// hang suspends the server process that has a transaction open, and returns a function that
// resumes it.
func hang(t testing.TB, other *sql.Conn) (goOn func()) {
	t.Helper()
	const query = `SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`
	pid, err := strconv.Atoi(ask(t, other, query))
	require.NoError(t, err)
	goOn = func() { signal(t, pid, syscall.SIGCONT) }
	t.Cleanup(goOn)
	signal(t, pid, syscall.SIGSTOP)
	return goOn
}

func signal(t testing.TB, pid int, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
}

// hanging is a store whose server hangs after it has locked runs.
type hanging struct {
	store.Store
	hang func()
}

func (h *hanging) Update(ctx context.Context, do func(store.Tx) error) error {
	return h.Store.Update(ctx, func(tx store.Tx) error { return do(&hangingTx{tx, h.hang}) })
}

type hangingTx struct {
	store.Tx
	hang func()
}

func (h *hangingTx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	checkpoints, err := h.Tx.Lock(runs)
	h.hang()
	return checkpoints, err
}
