package projections_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// saved returns the state of a fold of all projections after some events, and the rows.
func saved(t rapid.TB, stream []domain.Entry) ([]byte, projections.Kept) {
	t.Helper()
	_, fold := projections.NewRecord("run")
	for i := range stream {
		fold.Apply(&stream[i])
	}
	state, err := fold.Save()
	require.NoError(t, err)
	return state, laws.KeptOf(fold)
}

// someStream leaves no field at its zero value: it has open jobs and sh, sums and ranks.
var someStream = laws.Entries(events{
	jobStarted(-5, "a"), shStarted(1, "a", "x"), shFinished(9, "a", 2), shStarted(10, "a", "<&>\u2028\"\\\x00"), shStarted(11, "b", "y"),
	jobStarted(12, "c"), jobFinished(20, "c", failed), someRunStarted(21), runFinished(22, failed),
})

func someRunStarted(atMs int64) domain.Event {
	labels, err := domain.NewLabels(domain.Label{Key: "ref", Value: "main"}, domain.Label{Key: "a\"", Value: ""})
	if err != nil {
		panic(err)
	}
	return domain.NewRunStarted(atMs, labels)
}

func restore(state string, kept projections.Kept) error {
	_, fold := projections.NewRecord("run")
	return fold.Restore([]byte(state), kept)
}

// Saving a restored state gives the same bytes.
func TestSavedStateIsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state, kept := saved(t, laws.Streams().Draw(t, "stream"))
		_, fold := projections.NewRecord("run")
		require.NoError(t, fold.Restore(state, kept))
		again, err := fold.Save()
		require.NoError(t, err)
		require.Equal(t, string(state), string(again))
	})
}

// Equal durations are ranked by their starts, even if the first one ends in another fold
// than the rest.
func TestSlowestTieAfterRestore(t *testing.T) {
	stream := laws.Entries(events{
		shStarted(0, "x", ""), shStarted(0, "a", ""), shStarted(0, "b", ""), shFinished(5, "b", 0),
		shFinished(5, "a", 0), shFinished(1, "x", 0), runStarted(6),
	})
	for cut := range stream {
		got := projectInTwo(t, stream, cut).Timings.Slowest
		if len(got) != 3 || got[0].JobID != "a" || got[1].JobID != "b" {
			t.Errorf("saved after %d entries: %+v", cut, got)
		}
	}
}

// A state of another version is refused with ErrState, so that the caller folds from the
// start.
func TestRestoreRefusesOtherVersions(t *testing.T) {
	saved, kept := saved(t, someStream)
	state := string(saved)
	other := strings.Replace(state, `"version":2`, `"version":1`, 1)
	require.NotEqual(t, state, other, "the version is not where this test looks for it")
	for _, state := range []string{
		other,
		strings.Replace(state, `"version":2,`, ``, 1),
		`{}`,
		`null`,
		`{"version":1,"tracker":[1,2],"projections":"elsewhere"}`,
	} {
		assert.ErrorIs(t, restore(state, kept), projections.ErrState, "Restore(%.60s)", state)
	}
}

func TestRestoreRefusesOtherMembers(t *testing.T) {
	jobs := projections.Jobs.Into(func(*projections.Row[projections.Job]) {})
	slowest := projections.Slowest.Into(func(*projections.Row[projections.SlowSh]) {})
	state, err := projections.NewFold("run", jobs).Save()
	require.NoError(t, err)
	for name, fold := range map[string]*projections.Fold{
		"more":           projections.NewFold("run", jobs, slowest),
		"another":        projections.NewFold("run", slowest),
		"of another run": projections.NewFold("walk", jobs),
	} {
		assert.ErrorIs(t, fold.Restore(state, projections.Kept{}), projections.ErrState, "%s: Restore", name)
	}
	assert.NoError(t, projections.NewFold("run", jobs).Restore(state, projections.Kept{}), "the same member: Restore")
	assert.NoError(t, projections.NewFold("run").Restore(state, projections.Kept{}), "fewer members: Restore")
}

// A state that was cut, for example by a full disk, is refused.
func TestRestoreRefusesHalfAState(t *testing.T) {
	saved, kept := saved(t, someStream)
	state := string(saved)
	for cut := range len(state) {
		require.Error(t, restore(state[:cut], kept), "restored from the first %d of %d bytes", cut, len(state))
	}
}

func TestRestoreRefusesDamage(t *testing.T) {
	saved, kept := saved(t, someStream)
	state := string(saved)
	for _, damage := range []struct{ what, old, new string }{
		{"no tracker", `"tracker":`, `"trucker":`},
		{"more open sh than rows", `"open_sh":2`, `"open_sh":3`},
		{"fewer sh than rows", `"sh_started":3`, `"sh_started":2`},
		{"the same job twice", `"id":"b"`, `"id":"a"`},
		{"a job that is final", `"id":"b"`, `"id":"c"`},
		{"fewer jobs than are open", `"job_count":3`, `"job_count":1`},
		{"more jobs than rows", `"job_count":3`, `"job_count":4`},
		{"a number that int64 cannot hold", `"first_at_ms":-5`, `"first_at_ms":-9223372036854775809`},
		{"a label that a run cannot have", `"ref":"main"`, `"":"main"`},
		{"a fraction", `"events":9`, `"events":8.5`},
		{"a count in words", `"sh_started":3`, `"sh_started":"three"`},
		{"a projection's state of another shape", `"ranks":[`, `"ranks":[[],`},
	} {
		t.Run(damage.what, func(t *testing.T) {
			damaged := strings.Replace(state, damage.old, damage.new, 1)
			require.NotEqual(t, state, damaged, "there is no %s in the state", damage.old)
			assert.ErrorIs(t, restore(damaged, kept), projections.ErrState, "Restore")
		})
	}
	t.Run("null for the tracker", func(t *testing.T) {
		var parts map[string]any
		require.NoError(t, json.Unmarshal([]byte(state), &parts))
		parts["tracker"] = nil
		damaged, _ := json.Marshal(parts)
		assert.Error(t, restore(string(damaged), kept), "restored")
	})
}

// Restore does not panic on any state. If it accepts the state, the fold does not panic
// later either.
func TestRestoreSurvivesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		cut := rapid.IntRange(0, len(stream)).Draw(t, "cut")
		saved, kept := saved(t, stream[:cut])
		state := spoil(t, saved)
		fold := projections.NewFold("run", countingMembers(new(int))...)
		if fold.Restore(state, kept) != nil {
			return
		}
		for i := range stream[cut:] {
			fold.Apply(&stream[cut+i])
		}
		fold.Open()
		_, err := fold.Save()
		require.NoError(t, err)
	})
}

// spoil changes some bytes, or some values of the JSON.
func spoil(t *rapid.T, state []byte) []byte {
	if rapid.Bool().Draw(t, "as bytes") {
		for range rapid.IntRange(1, 3).Draw(t, "bytes") {
			state[rapid.IntRange(0, len(state)-1).Draw(t, "at")] = rapid.SampledFrom([]byte(`0919-.e"\{}[],:ntx`)).Draw(t, "byte")
		}
		return state
	}
	var parts any
	require.NoError(t, json.Unmarshal(state, &parts))
	for range rapid.IntRange(1, 3).Draw(t, "values") {
		parts = replace(t, parts)
	}
	spoilt, err := json.Marshal(parts)
	require.NoError(t, err)
	return spoilt
}

// replace replaces one value somewhere in a tree of JSON.
func replace(t *rapid.T, tree any) any {
	switch node := tree.(type) {
	case map[string]any:
		if len(node) > 0 {
			key := rapid.SampledFrom(sortedKeys(node)).Draw(t, "key")
			if key != "version" { // otherwise nothing else is checked
				node[key] = replace(t, node[key])
			}
			return node
		}
	case []any:
		if len(node) > 0 && rapid.IntRange(0, 3).Draw(t, "into") > 0 {
			i := rapid.IntRange(0, len(node)-1).Draw(t, "element")
			node[i] = replace(t, node[i])
			return node
		}
		if len(node) > 0 && rapid.Bool().Draw(t, "repeat") {
			return append(node, node[0])
		}
	}
	return rapid.SampledFrom([]any{
		nil, true, "", "a", -1, 0, 1, 2, 1 << 40, json.Number("9223372036854775807"), json.Number("-9223372036854775808"),
		[]any{}, map[string]any{}, []any{nil}, []any{map[string]any{}},
	}).Draw(t, "value")
}
