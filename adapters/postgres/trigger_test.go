package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Changing rows by hand deletes the checkpoints of their runs, and no others, whatever the
// search_path of the connection is.
func TestCheckpointsThatAreVoid(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s := open(t, address)
	hand := connect(t, as(t, address, "search_path", "pg_catalog"))
	all := []domain.RunID{"a", "b", "c"}
	for _, of := range projections.Builtin.Stored() {
		table := of.Table
		for statement, left := range map[string]string{
			`UPDATE %s SET run_id = run_id WHERE run_id = 'a'`: "b c",
			`UPDATE %s SET run_id = 'z' WHERE run_id = 'b'`:    "a c",
			`UPDATE %s SET run_id = run_id`:                    "",
			`UPDATE %s SET run_id = run_id WHERE false`:        "a b c",
			`DELETE FROM %s WHERE run_id <> 'b'`:               "b",
			`DELETE FROM %s WHERE false`:                       "a b c",
			`TRUNCATE %s`:                                      "",
			`SELECT * FROM %s WHERE run_id = 'a' FOR UPDATE`:   "a b c",
		} {
			put(t, s, all...)
			_, err := hand.Exec(ctx, fmt.Sprintf(statement, "public."+table))
			require.NoError(t, err)
			assert.Equal(t, left, strings.Join(stored(t, s, all...), " "), "after %s: the checkpoints", fmt.Sprintf(statement, table))
			sql(t, address, fmt.Sprintf(`DELETE FROM %s WHERE run_id = 'z'`, table))
		}
	}
}

// Moving a row into a run also deletes that run's checkpoint.
func TestRowsThatMove(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s := open(t, address)
	put(t, s, "a", "b", "c")
	sql(t, address, `UPDATE jobs SET run_id = 'b', job_id = 'moved', position = 3 WHERE run_id = 'a' AND job_id = 'open'`)
	assert.Equal(t, []string{"c"}, stored(t, s, "a", "b", "c"))
}

// A change by hand also counts while the store writes the run: the checkpoint of the
// store's commit is deleted at once, whichever of the two came first.
func TestHandBesideTheStore(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s := open(t, address)
	put(t, s, "a")

	t.Run("the store first", func(t *testing.T) {
		changed := make(chan error, 1)
		conn := connect(t, address)
		err := s.Update(ctx, func(tx store.Tx) error {
			if _, err := tx.Lock([]domain.RunID{"a"}); err != nil {
				return err
			}
			go func() {
				_, err := conn.Exec(ctx, `UPDATE jobs SET exit_code = 42 WHERE job_id = 'final'`)
				changed <- err
			}()
			await(t, address)
			return errors.Join(again(tx, "a"), tx.SetCheckpoint("a", checkpoint))
		})
		require.NoError(t, errors.Join(err, <-changed))
		assert.Empty(t, stored(t, s, "a"), "the change is hidden by the store's checkpoint")
	})
	put(t, s, "a")
	t.Run("the hand first", func(t *testing.T) {
		hand, err := connect(t, address).Begin(ctx)
		require.NoError(t, err)
		_, err = hand.Exec(ctx, `UPDATE jobs SET exit_code = 42 WHERE job_id = 'final'`)
		require.NoError(t, err)
		locked := make(chan map[domain.RunID]store.Checkpoint, 1)
		go func() {
			_ = s.Update(ctx, func(tx store.Tx) error {
				found, err := tx.Lock([]domain.RunID{"a"})
				locked <- found
				return err
			})
		}()
		await(t, address)
		require.NoError(t, hand.Commit(ctx))
		assert.Empty(t, <-locked, "the store builds on a checkpoint that is void")
	})
}

// await waits until a session waits for a lock.
func await(t testing.TB, address string) {
	t.Helper()
	for range 1000 {
		if value[bool](t, address, `SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database OR l.database IS NULL OR l.database = 0
WHERE d.datname = current_database() AND NOT l.granted)`) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("nobody waits for a lock")
}

// stored returns those of runs that have a checkpoint.
func stored(t testing.TB, s store.Store, runs ...domain.RunID) []string {
	t.Helper()
	checkpoints, err := s.Checkpoints(ctx, runs)
	require.NoError(t, err)
	var ids []string
	for run := range checkpoints {
		ids = append(ids, string(run))
	}
	slices.Sort(ids)
	return ids
}
