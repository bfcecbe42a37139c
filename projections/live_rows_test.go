package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// The rows that change from piece to piece of a stream are, put together, the rows of the stream, and a
// final row comes once.
func TestLiveRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		want, fold := projections.NewRecord("r")
		for i := range stream {
			fold.Apply(&stream[i])
		}
		fold.Open()
		got, _ := projections.NewRecord("r")
		live := projections.NewLiveRows("r", projections.Builtin.Reported()...)
		final := map[*projections.Definition]map[int]bool{}
		for first := true; first || len(stream) > 0; first = false {
			n := rapid.IntRange(min(1, len(stream)), len(stream)).Draw(t, "entries")
			live.Apply(stream[:n])
			stream = stream[n:]
			live.Each(func(of *projections.Definition, row projections.AnyRow) {
				require.False(t, final[of][row.Index], "%s: row %d comes again, and was final", of.Name, row.Index)
				if final[of] == nil {
					final[of] = map[int]bool{}
				}
				final[of][row.Index] = row.Final
				got.Take(of, row)
			})
		}
		require.Equal(t, want, got)
	})
}
