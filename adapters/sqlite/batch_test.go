package sqlite

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Rows wait only while their text is short, because 256 commands may have gigabytes.
func TestLongTextDoesNotWait(t *testing.T) {
	s := planned(t)
	session, err := s.acquire(t.Context())
	require.NoError(t, err)
	defer s.release(session, false)
	i := newInserter(t.Context(), session, s.checkpoints)
	defer i.wait()
	cmd := strings.Repeat("x", maxText/3)
	for n := range 20 {
		rows := store.RowsOf(projections.ShEvents, projections.Row[projections.ShEvent]{Index: n, Value: projections.ShEvent{JobID: "build", Seq: n, Cmd: cmd}})
		require.NoError(t, i.rows(s.tables[rows.Of], any("a"), rows))
		if b := i.pending[s.tables[rows.Of].way(rows.At(0), 0)]; b != nil && b.rows > 2 {
			t.Fatalf("%d commands of %d bytes wait", b.rows, len(cmd))
		}
	}
}

// The remaining rows are inserted by statements of few sizes.
func TestPortions(t *testing.T) {
	sizes := map[int]bool{}
	for rows := 1; rows <= maxRows; rows++ {
		n := portion(rows)
		if n < 1 || n > rows || 4*n <= rows && n != maxRows {
			t.Errorf("%d rows: %d at once", rows, n)
		}
		sizes[n] = true
	}
	assert.LessOrEqual(t, len(sizes), 5)
}
