package compare

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// longest is the length of a longest common subsequence, from its definition.
func longest(a, b []string) int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := range a {
		for j := range b {
			if a[i] == b[j] {
				table[i+1][j+1] = table[i][j] + 1
			} else {
				table[i+1][j+1] = max(table[i][j+1], table[i+1][j])
			}
		}
	}
	return table[len(a)][len(b)]
}

func inOrder(t require.TestingT, a, b []string, pairs [][2]int) {
	last := [2]int{-1, -1}
	for _, pair := range pairs {
		require.Greater(t, pair[0], last[0])
		require.Greater(t, pair[1], last[1])
		require.Equal(t, a[pair[0]], b[pair[1]])
		last = pair
	}
}

// As many commands as possible are paired, in order.
func TestAlign(t *testing.T) {
	texts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 30)
	rapid.Check(t, func(t *rapid.T) {
		a, b := texts.Draw(t, "a"), texts.Draw(t, "b")
		pairs := align(a, b, maxEdits)
		inOrder(t, a, b, pairs)
		require.Len(t, pairs, longest(a, b))
		inOrder(t, a, b, align(a, b, rapid.IntRange(1, 5).Draw(t, "edits"))) // and it ends
	})
}

// Aligning 50,000 commands a side takes bounded work, in the best and in the worst case. If many commands
// are in one list only, nearly all others are paired.
func TestAlignManyCommands(t *testing.T) {
	const n = 20_000
	same, other, reversed := make([]string, n), make([]string, n), make([]string, n)
	for i := range n {
		same[i], other[i], reversed[n-1-i] = strconv.Itoa(i), "other "+strconv.Itoa(i), strconv.Itoa(i)
	}
	require.Len(t, align(same, same, maxEdits), n)
	require.Empty(t, align(same, other, maxEdits))
	inOrder(t, same, reversed, align(same, reversed, maxEdits))
	some := make([]string, n)
	for i := range some {
		some[i] = strconv.Itoa(i % 997)
		if i%20 == 0 {
			same[i] = some[i] + " of a"
		} else {
			same[i] = some[i]
		}
		if i%20 == 10 {
			some[i] += " of b"
		}
	}
	pairs := align(same, some, maxEdits)
	inOrder(t, same, some, pairs)
	require.Greater(t, len(pairs), n*89/100) // 90 % are in both
}

// Commands that need no normalisation contain nothing that changes.
func TestMayChange(t *testing.T) {
	pieces := []string{"/", "/tmp/", "/var/folders/a/b/T/", "/private", "C:\\", "\\temp\\", "12", "af9", "x", " ", "'"}
	rapid.Check(t, func(t *rapid.T) {
		cmd := strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(t, "cmd"), "")
		require.Equal(t, changing.ReplaceAllLiteralString(cmd, "#"), Normal(cmd))
	})
}

// The history is exactly the store's runs before B.
func TestStored(t *testing.T) {
	s := memory.New()
	for i := range 30 {
		ms := int64(10_000 + i)
		if i == 20 {
			ms = 60_000
		}
		r := ended(i, ms)
		require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
			runs := []domain.RunID{r.Run.RunID}
			_, err := tx.Lock(runs)
			require.NoError(t, err)
			require.NoError(t, tx.Clear(runs, s.Projections().Stored()))
			require.NoError(t, tx.SetCheckpoint(r.Run.RunID, store.Checkpoint{}))
			run := projections.Row[projections.RunRow]{Value: projections.RunRow{Run: r.Run, RunTiming: r.Timings.Run}}
			sh := projections.Row[projections.ShEvent]{Final: true, Value: r.ShEvents[0]}
			return tx.Insert(&store.Rows{RunID: r.Run.RunID, Tables: []store.TableRows{store.RowsOf(projections.RunTable, run), store.RowsOf(projections.ShEvents, sh)}})
		}))
	}
	c, err := Stored(t.Context(), s, "run-19", "run-20")
	require.NoError(t, err)
	assert.Equal(t, History{Runs: 20, Tested: 1, LeftOut: []LeftOut{}}, c.History)
	assert.Equal(t, Slower, c.Commands[0].Verdict)
	_, err = Stored(t.Context(), s, "run-19", "none")
	assert.ErrorIs(t, err, store.ErrNoRun)
}
