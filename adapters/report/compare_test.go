package report

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
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
