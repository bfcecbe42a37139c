package store_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// However the segments of a run come, and though the projector is another one now and then, a run ends
// once if it ends, and the last row that was written is that of the whole stream.
func TestRunEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := laws.Events().Draw(t, "events")
		stream := file{run: "r", data: lines(events...)}
		var cuts []int
		for offset := range stream.data {
			if offset > 0 && stream.data[offset-1] == '\n' && rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
				cuts = append(cuts, offset)
			}
		}
		s := memory.New()
		ends, latest := 0, store.WrittenRun{}
		start := func() *store.Projector {
			return store.NewProjector(s, wire{}, store.ProjectorOptions{Done: func(b store.Batch) {
				for _, run := range b.Written {
					if latest = run; run.Ends {
						ends++
					}
				}
			}})
		}
		p := start()
		from := 0
		for _, to := range append(cuts, len(stream.data)) {
			segment := domain.Segment{Run: "r", Offset: int64(from), Data: stream.data[from:to]}
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				require.NoError(t, p.Apply(t.Context(), segment))
				if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
					require.NoError(t, p.Close(t.Context()))
					p = start()
				}
			}
			from = to
		}
		require.NoError(t, p.Close(t.Context()))
		row, err := store.ReadRun(t.Context(), s, "r")
		require.NoError(t, err)
		assert.Equal(t, row, latest.Run)
		assert.Equal(t, row.Ended, ends == 1)
		assert.LessOrEqual(t, ends, 1)
		var labels []domain.Label
		for _, event := range events {
			if event.Kind == domain.RunStarted && labels == nil {
				labels = append([]domain.Label{}, slices.Collect(event.Labels().All())...)
			}
		}
		assert.Equal(t, labels, append(labels[:0:0], slices.Collect(latest.Labels.All())...))
	})
}
