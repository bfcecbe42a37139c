package report

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
)

// compared draws two runs and writes their comparison.
func compared(t *rapid.T, folder string, format Format, width int) (string, *compare.Comparison) {
	options := jsonl.Options{OnMalformed: jsonl.Skip}
	stream := func(name string) jsonl.Streams {
		path := filepath.Join(folder, name+".jsonl")
		writeStream(t, path)
		return jsonl.Streams{Paths: []string{path}, Options: options}
	}
	a, b := stream("a"), stream("b")
	if rapid.Bool().Draw(t, "the same") {
		a = b
	}
	history := jsonl.Streams{Paths: []string{folder}, Options: options}
	c, err := Compare(t.Context(), a, b, history, func(err error) { t.Error(err) })
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, WriteComparison(&out, format, width, c))
	return out.String(), c
}

// wholeLines returns how many rows a Markdown table of commands has. It fails if a row is cut.
func wholeLines(t rapid.TB, out string) (rows int) {
	require.LessOrEqual(t, len(out), MaxMarkdown)
	for line := range strings.Lines(out) {
		require.True(t, !strings.HasPrefix(line, "|") || strings.HasSuffix(line, " |\n"), "a row is cut: %q", line)
		if strings.Contains(line, "<code>") {
			rows++
		}
	}
	return rows
}

// Markdown has a row for each command that changed.
func TestCompareMarkdown(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		out, c := compared(t, folder, Markdown, 0)
		require.Equal(t, len(changed(c)), wholeLines(t, out))
	})
}

// The Markdown of many commands fits into a comment, and says what is left out.
func TestCompareMarkdownFits(t *testing.T) {
	c := &compare.Comparison{}
	for range 1000 {
		c.Commands = append(c.Commands, compare.Command{JobID: strings.Repeat("|", 300), Cmd: strings.Repeat("<", 300), B: &compare.Side{Seq: 1}})
	}
	var out bytes.Buffer
	require.NoError(t, WriteComparison(&out, Markdown, 0, c))
	rows := wholeLines(t, out.String())
	assert.Greater(t, rows, 10)
	assert.Contains(t, out.String(), fmt.Sprintf("… %d more commands left out", 1000-rows))
}

// drawGroups draws two groups of runs with hostile texts, and compares them.
func drawGroups(t *rapid.T) *compare.Groups {
	words := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"make", "<b>|`", "\x1b[31m\n", strings.Repeat("long ", 60)}))
	id := 0
	group := func() *compare.Group {
		g := compare.NewGroup(words.Draw(t, "conditions"))
		cmds := rapid.SliceOfN(words, 0, 4).Draw(t, "commands")
		for range rapid.IntRange(0, 12).Draw(t, "runs") {
			id++
			r := &projections.Record{Run: projections.Run{RunID: domain.RunID(words.Draw(t, "id") + strconv.Itoa(id)), Ended: rapid.Bool().Draw(t, "ended")}}
			r.Timings.Run.WallMs = rapid.SampledFrom([]projections.Null[int64]{{}, projections.Some[int64](0), projections.Some[int64](1 << 50)}).Draw(t, "wall")
			for _, cmd := range cmds {
				took := rapid.SampledFrom([]int64{0, 3, 5_000_000, 1 << 50}).Draw(t, "ms")
				r.ShEvents = append(r.ShEvents, projections.ShEvent{JobID: words.Draw(t, "job"), Cmd: cmd, FinishedAtMs: projections.Some(took)})
			}
			g.Add(r)
		}
		return g
	}
	return compare.CompareGroups(group(), group())
}

func groupsAs(t require.TestingT, format Format, width int, of *compare.Groups) string {
	var out bytes.Buffer
	require.NoError(t, WriteGroups(&out, format, width, of))
	return out.String()
}

// Markdown has a row for each command, and no text is markup.
func TestGroupsMarkdown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := drawGroups(t)
		out := groupsAs(t, Markdown, 0, of)
		require.Equal(t, len(of.Commands), wholeLines(t, out))
		require.Contains(t, out, "|  | the whole run | ")
		require.NotContains(t, out, "<b>")
	})
}

// The Markdown of many commands fits into a comment, and says what is left out.
func TestGroupsMarkdownFits(t *testing.T) {
	of := &compare.Groups{A: compare.NewGroup(""), B: compare.NewGroup(""), Commands: make([]compare.GroupCommand, 1000)}
	for i := range of.Commands {
		of.Commands[i].Cmd = strings.Repeat("<", 300)
	}
	out := groupsAs(t, Markdown, 0, of)
	left := regexp.MustCompile(`… (\d+) more commands left out`).FindStringSubmatch(out)
	require.NotNil(t, left)
	n, _ := strconv.Atoi(left[1])
	assert.Equal(t, 1000, wholeLines(t, out)+n) // the row of the whole run counts, too
	assert.Less(t, n, 990)
}
