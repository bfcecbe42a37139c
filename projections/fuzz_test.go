package projections_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// FuzzFold reads bytes as a stream. One fold, and two with the state saved in between,
// give the rows of the models. Run it with -fuzzminimizetime 20x; otherwise it spends its
// time on making inputs shorter.
func FuzzFold(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add([]byte("\x00\x00\x01\x00\x02\x00\x02\x00\x03\x00\x05\x01\x01\x00\x09\x00"), uint8(2))
	f.Add([]byte("\x02\x01\x05\x00\x02\x01\x06\x00\x01\x01\x04\x01\x00\x01\x03\x00\x03\x01\x02\x07\x05\x00\x00\x00\x04\x01\x00\x03\x07\x00\x00\x00"), uint8(3))
	f.Add([]byte("\x00\x00\x82\x00\x00\x01\x83\x00\x01\x00\x80\x00\x01\x01\x81\x00\x06\x00\x00\x00"), uint8(1))
	f.Add([]byte("0000"), uint8(1)) // a label in the first part
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		stream := laws.FromBytes(data[:min(len(data), 4*64)]) // the models are slow
		whole := projectEntries(t, stream)
		assert.Equal(t, modelRecord(stream), whole)
		assert.Equal(t, whole, projectInTwo(t, stream, min(int(cut), len(stream))), "in two")
	})
}

// projectInTwo folds a stream up to cut, and the rest with another fold that restores the
// state of the first. It returns the rows of both.
func projectInTwo(t *testing.T, stream []domain.Entry, cut int) *projections.Record {
	t.Helper()
	first, fold := projections.NewRecord("run")
	for i := range cut {
		fold.Apply(&stream[i])
	}
	state, err := fold.Save()
	require.NoError(t, err)
	kept := laws.KeptOf(fold)
	second, fold := projections.NewRecord("run")
	require.NoError(t, fold.Restore(state, kept))
	for i := cut; i < len(stream); i++ {
		fold.Apply(&stream[i])
	}
	fold.Open()
	return merge(first, second)
}

// merge fills the gaps in the second part's rows with the final rows of the first part.
func merge(first, second *projections.Record) *projections.Record {
	second.Labels = fill(first.Labels, second.Labels)
	second.Jobs = fill(first.Jobs, second.Jobs)
	second.ShEvents = fill(first.ShEvents, second.ShEvents)
	second.Timings.Jobs = fill(first.Timings.Jobs, second.Timings.Jobs)
	second.Timings.ShEvents = fill(first.Timings.ShEvents, second.Timings.ShEvents)
	second.Diagnostics = fill(first.Diagnostics, second.Diagnostics)
	return second
}

func fill[R comparable](first, second []R) []R {
	var gap R
	for i, row := range first {
		switch {
		case i == len(second):
			second = append(second, row)
		case row != gap:
			second[i] = row
		}
	}
	return second
}
