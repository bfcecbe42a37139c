package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Each condition of a selection has its effect.
func TestParseSelection(t *testing.T) {
	ms := func(text string) projections.Null[int64] {
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return projections.Some(at.UnixMilli())
	}
	usual := store.Selection{State: projections.Complete, Last: 200}
	for text, expected := range map[string]store.Selection{
		"ref=main,last=20":              {State: projections.Complete, Last: 20, Labels: []projections.Label{{Key: "ref", Value: "main"}}},
		`a=x\,y\\z,b=p=q`:               {State: projections.Complete, Last: 200, Labels: []projections.Label{{Key: "a", Value: `x,y\z`}, {Key: "b", Value: "p=q"}}},
		"label:state=x,state=any":       {Last: 200, Labels: []projections.Label{{Key: "state", Value: "x"}}},
		"state=failed":                  {State: projections.Failed, Last: 200},
		"since=2026-11-20":              {State: projections.Complete, Last: 200, Since: ms("2026-11-20T00:00:00Z")},
		"since=2d,before=90m":           {State: projections.Complete, Last: 200, Since: ms("2026-11-18T12:00:00Z"), Before: ms("2026-11-20T10:30:00Z")},
		"before=2026-11-20 09:12:44":    {State: projections.Complete, Last: 200, Before: ms("2026-11-20T09:12:44Z")},
		"since=2026-11-20T09:12+01:00Z": {},
		"since=2026-11-20T09:12:44+01:00,before=2026-11-20 09:12:44 UTC": {State: projections.Complete, Last: 200, Since: ms("2026-11-20T08:12:44Z"), Before: ms("2026-11-20T09:12:44Z")},
		"": {}, "ref": {}, "=x": {}, "a=1,a=2": {}, "last=0": {}, "last=1001": {}, "last=x": {}, "state=done": {}, "since=soon": {}, "since=-3h": {}, "a=1,": {},
	} {
		got, err := store.ParseSelection(text, usual, now)
		if expected.Last == 0 {
			assert.Error(t, err, text)
		} else if assert.NoError(t, err, text) {
			assert.Equal(t, expected, got, text)
		}
	}
}

// drawSelection draws any selection.
func drawSelection(t *rapid.T) (s store.Selection) {
	for _, key := range []string{"ref", "state", "label:x", "é"} {
		if rapid.IntRange(0, 3).Draw(t, "has") == 0 {
			s.Labels = append(s.Labels, projections.Label{Key: key, Value: rapid.SampledFrom([]string{"", "main", `a,b\`, "x=y"}).Draw(t, "value")})
		}
	}
	s.State = rapid.SampledFrom([]projections.State{"", projections.Complete, projections.Failed}).Draw(t, "state")
	at := rapid.OneOf(rapid.Just(projections.Null[int64]{}), rapid.Map(rapid.Int64Range(0, 30), projections.Some[int64]))
	s.Since, s.Before, s.Last = at.Draw(t, "since"), at.Draw(t, "before"), rapid.IntRange(1, 40).Draw(t, "last")
	return s
}

// Parsing the text of a selection gives the selection.
func TestSelectionString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSelection(t)
		got, err := store.ParseSelection(s.String(), store.Selection{}, now)
		require.NoError(t, err)
		require.Equal(t, s, got, s.String())
	})
}

// Select returns the latest runs of a store that meet all conditions, newest first.
func TestSelect(t *testing.T) {
	s := memory.New()
	var all []store.Listed // newest first
	for i := range 450 {
		row := projections.RunRow{Run: projections.Run{RunID: domain.RunID(string(rune('a'+i%26)) + time.Duration(i).String()), State: []projections.State{projections.Complete, projections.Failed}[i%2]}}
		row.StartedAtMs = projections.Some(int64(29 - i/15))
		labels := []projections.Label{{Key: "ref", Value: "main"}, {Key: "é", Value: []string{"", "main", `a,b\`}[i%3]}}[:i%3]
		var rows []projections.Row[projections.Label]
		for j, l := range labels {
			rows = append(rows, projections.Row[projections.Label]{Index: j, Final: true, Value: l})
		}
		require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
			runs := []domain.RunID{row.RunID}
			_, err := tx.Lock(runs)
			require.NoError(t, err)
			require.NoError(t, tx.Clear(runs, s.Projections().Stored()))
			require.NoError(t, tx.SetCheckpoint(row.RunID, store.Checkpoint{}))
			return tx.Insert(&store.Rows{RunID: row.RunID, Tables: []store.TableRows{
				store.RowsOf(projections.RunTable, projections.Row[projections.RunRow]{Value: row}), store.RowsOf(projections.LabelRows, rows...)}})
		}))
	}
	all, err := s.Runs(t.Context(), store.Page{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, all, 450)
	rapid.Check(t, func(t *rapid.T) {
		of := drawSelection(t)
		var expected []store.Listed
		for _, run := range all {
			fits := (of.State == "" || of.State == run.State) && (!of.Since.Valid || run.StartedAtMs.V >= of.Since.V) && (!of.Before.Valid || run.StartedAtMs.V < of.Before.V)
			for _, l := range of.Labels {
				has := false
				for _, own := range run.Labels {
					has = has || own == l
				}
				fits = fits && has
			}
			if fits && len(expected) < of.Last {
				expected = append(expected, run)
			}
		}
		got, err := store.Select(t.Context(), s, of)
		require.NoError(t, err)
		require.Equal(t, expected, got)
	})
}
