package report

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/trends"
)

// drawTrends draws trends, with texts that could be hostile.
func drawTrends(t *rapid.T) *trends.Trends {
	words := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"make", "<b>|`", "\x1b[31m\n", strings.Repeat("long ", 60)}))
	say := func() string { return words.Draw(t, "text") }
	count := func() int { return rapid.IntRange(1, 1000).Draw(t, "count") }
	null := func() projections.Null[int64] {
		return rapid.SampledFrom([]projections.Null[int64]{{}, projections.Some[int64](0), projections.Some[int64](1 << 50)}).Draw(t, "ms")
	}
	pipeline := func() trends.Pipeline { return trends.Pipeline{Repo: say(), Name: say()} }
	several := func(do func()) {
		for range rapid.IntRange(0, 4).Draw(t, "several") {
			do()
		}
	}
	series := func() trends.Series {
		s := trends.Series{Count: count(), Failed: 1, FailureRate: 0.5, MedianMs: null(), P95Ms: null(), Changes: []trends.Change{}}
		several(func() {
			s.Changes = append(s.Changes, trends.Change{RunID: domain.RunID(say()), StartedAtMs: null(), BeforeMs: null().V, AfterMs: 5, DeltaMs: -7000})
		})
		return s
	}
	all := &trends.Trends{Runs: count(), LeftOut: []trends.LeftOut{}, Commands: []trends.Command{}, Jobs: []trends.Job{}, Failures: []trends.Failure{}}
	several(func() { all.LeftOut = append(all.LeftOut, trends.LeftOut{RunID: domain.RunID(say()), Reason: say()}) })
	several(func() {
		all.Commands = append(all.Commands, trends.Command{Pipeline: pipeline(), JobID: say(), Cmd: say(), Series: series()})
	})
	several(func() {
		job := trends.Job{Pipeline: pipeline(), JobID: say(), Series: series(), FlakyShas: []string{"x" + say()}}
		job.Stability = rapid.SampledFrom([]trends.Stability{trends.Stable, trends.Flaky, trends.Unclear}).Draw(t, "stability")
		all.Jobs = append(all.Jobs, job)
	})
	several(func() {
		all.Failures = append(all.Failures, trends.Failure{Pipeline: pipeline(), JobID: say(), Cmd: say(), LastLine: say(), Count: count(), FirstRun: domain.RunID(say()), LastRun: domain.RunID(say())})
	})
	return all
}

func trendsAs(t require.TestingT, format Format, width int, of *trends.Trends) string {
	var out bytes.Buffer
	require.NoError(t, WriteTrends(&out, format, width, of))
	return out.String()
}

// Markdown has a row for each command, and no text is markup.
func TestTrendsMarkdown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := drawTrends(t)
		out := trendsAs(t, Markdown, 0, of)
		rows := len(of.Commands) + len(of.Failures)
		for _, c := range of.Commands {
			rows += len(c.Changes)
		}
		require.Equal(t, rows, wholeLines(t, out))
		require.NotContains(t, out, "<b>")
	})
}

// The Markdown of many commands fits into a comment, and says what is left out.
func TestTrendsMarkdownFits(t *testing.T) {
	of := &trends.Trends{}
	for range 1000 {
		of.Commands = append(of.Commands, trends.Command{JobID: strings.Repeat("|", 300), Cmd: strings.Repeat("<", 300), Series: trends.Series{Count: 1, Changes: make([]trends.Change, 1)}})
		of.Failures = append(of.Failures, trends.Failure{Cmd: strings.Repeat("&", 300)})
	}
	out := trendsAs(t, Markdown, 0, of)
	rows := wholeLines(t, out)
	for _, one := range []string{"change", "failure", "command"} {
		left := regexp.MustCompile(`… (\d+) more ` + one + `s left out`).FindStringSubmatch(out)
		require.NotNil(t, left, one)
		n, _ := strconv.Atoi(left[1])
		assert.Less(t, n, 1000-10, one)
		rows += n
	}
	assert.Equal(t, 3000, rows)
}

// The table in docs/trends.md is up to date.
func TestTrendsExample(t *testing.T) {
	ms := projections.Some[int64]
	table := trendsAs(t, Table, 0, &trends.Trends{
		Runs: 200,
		Commands: []trends.Command{
			{JobID: "build", Cmd: "go test ./...", Series: trends.Series{Count: 200, MedianMs: ms(43_000), P95Ms: ms(61_200), Changes: []trends.Change{
				{RunID: "run-131", StartedAtMs: ms(1_795_165_964_000), BeforeMs: 41_200, AfterMs: 58_900, DeltaMs: 17_700},
			}}},
			{JobID: "e2e", Cmd: "npm test", Series: trends.Series{Count: 200, Failed: 6, MedianMs: ms(22_400), P95Ms: ms(25_000)}},
		},
		Jobs:     []trends.Job{{JobID: "e2e", Series: trends.Series{Count: 200, Failed: 6}, Stability: trends.Flaky, FlakyShas: []string{"2ad09b7"}}},
		Failures: []trends.Failure{{JobID: "e2e", Cmd: "npm test", ExitCode: projections.Some[int32](1), Count: 6, FirstRun: "run-044", LastRun: "run-187"}},
	})
	page, err := os.ReadFile("../../docs/trends.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), "```\n"+table+"```\n", "the table is\n%s", table)
}

// A job is named with its pipeline if there are several, and a commit as git shortens it.
func TestTrendsOfPipelines(t *testing.T) {
	jobs := []trends.Job{{Pipeline: trends.Pipeline{Repo: "foo", Name: "ci"}, JobID: "e2e", Series: trends.Series{Count: 2, Failed: 1}, Stability: trends.Flaky, FlakyShas: []string{strings.Repeat("0123abcdef", 4), strings.Repeat("x", 40)}}}
	assert.Regexp(t, `(?m)^e2e +failed and succeeded on 0123abc, x{12}`, trendsAs(t, Table, 0, &trends.Trends{Jobs: jobs}))
	jobs = append(jobs, trends.Job{Pipeline: trends.Pipeline{Name: "nightly"}, JobID: "e2e", Series: trends.Series{Count: 3, Failed: 1}, Stability: trends.Unclear})
	out := trendsAs(t, Table, 0, &trends.Trends{Jobs: jobs})
	assert.Regexp(t, `(?m)^foo ci: e2e +failed`, out)
	assert.Regexp(t, `(?m)^nightly: e2e +unclear`, out)
}
