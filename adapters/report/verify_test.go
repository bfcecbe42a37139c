package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// writeStream draws a stream and writes it to a file.
func writeStream(t *rapid.T, path string) {
	var lines []byte
	for _, event := range laws.Events().Draw(t, filepath.Base(path)) {
		var err error
		if lines, err = jsonl.Append(lines, &event); err != nil {
			t.Fatal(err)
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "malformed") == 0 {
		lines = append(lines, "[]\n"...)
	}
	require.NoError(t, os.WriteFile(path, lines, 0o666))
}

// However short the values are cut, their difference is visible.
func TestWindow(t *testing.T) {
	long := rapid.StringOfN(rapid.RuneFrom([]rune("ab日é")), 0, 200, -1)
	rapid.Check(t, func(t *rapid.T) {
		same := long.Draw(t, "same")
		a, b := same+long.Draw(t, "a"), same+long.Draw(t, "b")
		widthA, widthB := rapid.IntRange(7, 60).Draw(t, "width a"), rapid.IntRange(7, 60).Draw(t, "width b")
		shortA, shortB := window(a, b, widthA, widthB)
		require.LessOrEqual(t, text.StringWidth(shortA), widthA)
		require.LessOrEqual(t, text.StringWidth(shortB), widthB)
		if (a == b) != (shortA == shortB) && widthA == widthB {
			t.Fatalf("%q and %q become %q and %q", a, b, shortA, shortB)
		}
	})
}

// writeVerified writes the differences between a stream and the rows of another one. It checks that the
// document counts its differences, and that the table has a line for each.
func writeVerified(t *rapid.T, folder string, format Format, width int) string {
	path := filepath.Join(folder, "run.jsonl")
	source := jsonl.Locate(path)
	source.Run = domain.RunID(rapid.OneOf(rapid.Just("run"), laws.Text().Filter(func(id string) bool {
		return store.CheckRunID(domain.RunID(id)) == nil
	})).Draw(t, "run"))
	s := memory.New()
	writeStream(t, path)
	// If the stream is malformed, the store stays empty, which is a difference, too.
	_, _ = store.Ingest(t.Context(), s, source.Source(jsonl.Options{}), store.Options{})
	grown := rapid.Bool().Draw(t, "grown")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	writeStream(t, path)
	if grown {
		more, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(before, more...), 0o666))
	}
	var out bytes.Buffer
	skipped := 0
	v, err := Verify(t.Context(), &out, s, store.Single(source.Source(jsonl.Options{})), VerifyOptions{
		Format: format, Width: width, Skipped: func(error) { skipped++ },
	})
	require.NoError(t, err)
	require.Equal(t, 1, v.Runs+v.Skipped)
	require.Equal(t, v.Skipped, skipped)
	count := v.Differences + v.Behind
	switch {
	case format == JSON:
		require.Equal(t, count, strings.Count(out.String(), `{"kind":"`))
	case count == 0:
		require.Empty(t, out.String())
	default:
		headers := (count + tableRows - 1) / tableRows
		require.Equal(t, count+2*headers-1, strings.Count(out.String(), "\n"))
	}
	return out.String()
}
