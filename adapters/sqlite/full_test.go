package sqlite_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/projections/store"
)

// An update of a full database fails with ErrFull and changes nothing; with room, the same
// update succeeds.
func TestFull(t *testing.T) {
	db := other(t, filepath.Join(t.TempDir(), "own.db"))
	s := adopt(t, db)
	require.NoError(t, s.Update(t.Context(), insertRun("a")))
	large := commands("b", 5_000, "a secret "+strings.Repeat("x", 1000))
	update := func() error {
		return s.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(insertRun("a")(tx), tx.Insert(large))
		})
	}
	if _, err := db.Exec("PRAGMA max_page_count = 200"); err != nil {
		t.Fatal(err)
	}
	err := update()
	if !errors.Is(err, store.ErrFull) || strings.Contains(err.Error(), "secret") {
		t.Errorf("Update: %v", err)
	}
	if runs, err := s.RunIDs(t.Context(), "", 10); err != nil || len(runs) != 1 {
		t.Errorf("RunIDs = %q, %v", runs, err)
	}
	_, err = db.Exec("PRAGMA max_page_count = 1000000")
	require.NoError(t, err)
	assert.NoError(t, update(), "Update, with room")
}

// Rows that exist already are an error that does not quote them, even if a later Insert
// reports it. Nothing of the transaction stays.
func TestRowsThatAreThere(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "quire.db"))
	require.NoError(t, s.Update(t.Context(), insertRun("a")))
	for _, fillers := range []int{0, 300, 5_000} {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			if err := errors.Join(tx.Insert(aRun("b")), tx.Insert(aRun("a"))); err != nil {
				return err
			}
			tx.Insert(commands("c", fillers, "a secret")) // an error that is not heeded is met again
			return nil
		})
		if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "insert rows") {
			t.Errorf("%d fillers: Update: %v", fillers, err)
		}
		if runs, err := s.RunIDs(t.Context(), "", 10); err != nil || len(runs) != 1 || runs[0] != "a" {
			t.Errorf("%d fillers: RunIDs = %q, %v", fillers, runs, err)
		}
	}
	assert.NoError(t, s.Update(t.Context(), insertRun("b")), "Update, after one that failed")
}
