package compare_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/laws"
)

// record draws a run. Few jobs and texts make commands of two runs match.
func record(t *rapid.T, name string) *projections.Record {
	events := laws.Events().Draw(t, name)
	if rapid.Bool().Draw(t, "few") {
		for i := range events {
			if events[i].HasJob {
				events[i].JobID = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "job")
			}
			if events[i].Kind == domain.ShStarted {
				events[i].Cmd = rapid.SampledFrom([]string{"x", "y", "z", "w 12345"}).Draw(t, "cmd")
			}
		}
	}
	return project(t, name, events)
}

func project(t require.TestingT, name string, events []domain.Event) *projections.Record {
	r, err := projections.Project(domain.RunID(name), &stream{laws.Entries(events)})
	require.NoError(t, err)
	return r
}

type stream struct{ entries []domain.Entry }

func (s *stream) Next() ([]domain.Entry, error) {
	entries := s.entries
	s.entries = nil
	if len(entries) == 0 {
		return nil, io.EOF
	}
	return entries, nil
}

// The account of any two streams adds up to the millisecond. It is missing only if a number is unknown,
// and then a note says so.
func TestTheAccountAddsUp(t *testing.T) {
	with := 0
	rapid.Check(t, func(t *rapid.T) {
		a, b := record(t, "a"), record(t, "b")
		c := compare.Runs(a, b)
		require.Equal(t, a.Timings.Run.WallMs, c.WallMs.A)
		require.Equal(t, b.Timings.Run.WallMs, c.WallMs.B)
		var matched int64
		for _, command := range c.Commands {
			matched += command.DeltaMs.V
		}
		if c.Account == nil {
			require.True(t, slices.ContainsFunc(c.Notes, func(note string) bool { return strings.HasSuffix(note, "no account") }))
			require.False(t, c.Matching.ExplainedPercent.Valid)
			return
		}
		with++
		require.Equal(t, matched, c.Account.MatchedMs)
		require.Equal(t, c.WallMs.B.V-c.WallMs.A.V, c.WallMs.Delta.V)
		sum := c.Account.MatchedMs + c.Account.OnlyBMs - c.Account.OnlyAMs - c.Account.OverlapMs + c.Account.IdleMs
		require.Equal(t, c.WallMs.Delta.V, sum)
	})
	assert.Positive(t, with, "comparisons with an account")
}

// The time with a command is that of a count over every millisecond.
func TestIdleAndOverlapAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []domain.Event
		ends := map[string]int64{}
		var covered [200]bool
		var sum, count int64
		for i := range rapid.IntRange(0, 8).Draw(t, "commands") {
			job, from := fmt.Sprint(i), rapid.Int64Range(0, 99).Draw(t, "from")
			to := from + rapid.Int64Range(0, 99).Draw(t, "ms")
			events = append(events, domain.NewShStarted(from, job, "x"), domain.NewShFinished(to, job, 0))
			ends[job], sum = to, sum+to-from
			for ms := from; ms < to; ms++ {
				if !covered[ms] {
					covered[ms] = true
					count++
				}
			}
		}
		events = append(events, domain.NewRunFinished(200, domain.Complete))
		r := project(t, "b", events)
		empty := project(t, "a", []domain.Event{domain.NewRunFinished(0, domain.Complete)})
		account := compare.Runs(empty, r).Account
		require.Equal(t, &compare.Account{OnlyBMs: sum, OverlapMs: sum - count, IdleMs: r.Timings.Run.WallMs.V - count}, account)
	})
}

// A run is no different from itself.
func TestARunAndItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := record(t, "a")
		c := compare.Runs(r, r)
		require.Equal(t, len(r.ShEvents), c.Matching.Matched)
		for _, command := range c.Commands {
			require.Equal(t, command.A, command.B)
			require.Equal(t, command.A.DurationMs.Valid, command.DeltaMs.Valid)
			require.Zero(t, command.DeltaMs.V)
		}
		if c.Account != nil {
			require.Zero(t, *c.Account)
			require.Zero(t, c.WallMs.Delta.V)
		}
	})
}

// Swapping the runs swaps the sides and negates the differences.
func TestSwappedRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := record(t, "a"), record(t, "b")
		there, back := compare.Runs(a, b), compare.Runs(b, a)
		require.Equal(t, there.A, back.B)
		require.Equal(t, there.Matching.Matched, back.Matching.Matched)
		require.Equal(t, there.Matching.ExplainedPercent, back.Matching.ExplainedPercent)
		require.Equal(t, -there.WallMs.Delta.V, back.WallMs.Delta.V)
		require.Equal(t, there.Account == nil, back.Account == nil)
		if x, y := there.Account, back.Account; x != nil {
			require.Equal(t, compare.Account{MatchedMs: -x.MatchedMs, OnlyAMs: x.OnlyBMs, OnlyBMs: x.OnlyAMs, OverlapMs: -x.OverlapMs, IdleMs: -x.IdleMs}, *y)
		}
		found := map[string]int64{}
		for _, command := range there.Commands {
			found[sides(&command, command.A, command.B)] = -command.DeltaMs.V
		}
		for _, command := range back.Commands {
			delta, ok := found[sides(&command, command.B, command.A)]
			require.True(t, ok)
			require.Equal(t, delta, command.DeltaMs.V)
		}
		require.Len(t, back.Commands, len(found))
	})
}

func sides(command *compare.Command, a, b *compare.Side) string {
	text := fmt.Sprintf("%q", command.JobID)
	for _, side := range []*compare.Side{a, b} {
		if side == nil {
			text += " -"
		} else {
			text += fmt.Sprint(" ", side.Seq)
		}
	}
	return text
}

// Each command of both runs is in the comparison once. Pairs have the same job and normal text, and
// are in the order of both runs. No further pair is possible.
func TestMatching(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := record(t, "a"), record(t, "b")
		c := compare.Runs(a, b)
		require.Equal(t, compare.Matching{A: len(a.ShEvents), B: len(b.ShEvents), Matched: len(a.ShEvents) + len(b.ShEvents) - len(c.Commands), ExplainedPercent: c.Matching.ExplainedPercent}, c.Matching)
		ofA, ofB := map[string]string{}, map[string]string{}
		for _, sh := range a.ShEvents {
			ofA[fmt.Sprintf("%q %d", sh.JobID, sh.Seq)] = compare.Normal(sh.Cmd)
		}
		for _, sh := range b.ShEvents {
			ofB[fmt.Sprintf("%q %d", sh.JobID, sh.Seq)] = compare.Normal(sh.Cmd)
		}
		pairs := map[string][][2]int{}
		for _, command := range c.Commands {
			var texts []string
			take := func(of map[string]string, side *compare.Side) {
				if side == nil {
					return
				}
				key := fmt.Sprintf("%q %d", command.JobID, side.Seq)
				text, ok := of[key]
				require.True(t, ok, "%s is there twice", key)
				delete(of, key)
				texts = append(texts, text)
			}
			take(ofA, command.A)
			take(ofB, command.B)
			if len(texts) == 2 {
				require.Equal(t, texts[0], texts[1])
				pairs[command.JobID] = append(pairs[command.JobID], [2]int{command.A.Seq, command.B.Seq})
			}
		}
		require.Empty(t, ofA)
		require.Empty(t, ofB)
		for _, of := range pairs {
			slices.SortFunc(of, func(x, y [2]int) int { return x[0] - y[0] })
			require.True(t, slices.IsSortedFunc(of, func(x, y [2]int) int { return x[1] - y[1] }))
		}
	})
}

func TestNormal(t *testing.T) {
	for cmd, want := range map[string]string{
		"go test ./...":                                "go test ./...",
		"make -j 128 v1.2.3":                           "make -j 128 v1.2.3",
		"deploy 20261128 run 1234":                     "deploy # run #",
		"git checkout 1f714d1":                         "git checkout #",
		"docker pull x@sha256:0123456789abcdef":        "docker pull x@sha256:#",
		"cd /tmp/tmp.Xy12/src && make":                 "cd #/src && make",
		"cat '/var/tmp/a b'":                           "cat '# b'",
		"ls /private/var/folders/q1/zz_9/T/tmp.1a/x":   "ls #/x",
		`type C:\Users\me\AppData\Local\Temp\go12\x.t`: `type #\x.t`,
		"cat templates/tmp.txt":                        "cat templates/tmp.txt",
	} {
		assert.Equal(t, want, compare.Normal(cmd))
	}
}

// A small comparison has these values.
func TestExample(t *testing.T) {
	a := project(t, "a", []domain.Event{
		domain.NewJobStarted(0, "build"),
		domain.NewShStarted(0, "build", "fetch 1f714d1"), domain.NewShFinished(100, "build", 0),
		domain.NewShStarted(100, "build", "make"), domain.NewShFinished(1100, "build", 0),
		domain.NewShStarted(1100, "build", "old"), domain.NewShFinished(1150, "build", 0),
		domain.NewRunFinished(1200, domain.Complete),
	})
	b := project(t, "b", []domain.Event{
		domain.NewJobStarted(5000, "build"),
		domain.NewShStarted(5000, "build", "fetch 2ad09b7c"), domain.NewShFinished(5110, "build", 0),
		domain.NewShStarted(5120, "build", "new"), domain.NewShFinished(5150, "build", 0),
		domain.NewShStarted(5150, "build", "make"), domain.NewShFinished(8150, "build", 1),
		domain.NewRunFinished(8200, domain.Failed),
	})
	c := compare.Runs(a, b)
	assert.Equal(t, &compare.Account{MatchedMs: 2010, OnlyAMs: 50, OnlyBMs: 30, IdleMs: 10}, c.Account)
	assert.Equal(t, compare.Matching{A: 3, B: 3, Matched: 2, ExplainedPercent: projections.Some[int64](96)}, c.Matching)
	var commands []string
	for _, command := range c.Commands {
		commands = append(commands, fmt.Sprintf("%s %d", command.Cmd, command.Explains()))
	}
	assert.Equal(t, []string{"make 2000", "old -50", "new 30", "fetch 2ad09b7c 10"}, commands)
}

// An account exists in both directions or in neither: there is none if int64 cannot hold its negation.
func TestTooLargeInOneDirection(t *testing.T) {
	run := func(name string, ms int64) *projections.Record {
		return project(t, name, []domain.Event{
			domain.NewShStarted(0, "x", "x"), domain.NewShFinished(ms, "x", 0),
			domain.NewShStarted(0, "y", "y"), domain.NewShFinished(ms, "y", 0),
		})
	}
	a, b := run("a", 1<<62), run("b", 0)
	assert.Nil(t, compare.Runs(a, b).Account) // its MatchedMs would be -1 << 63
	assert.Nil(t, compare.Runs(b, a).Account)
}
