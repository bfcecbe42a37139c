package live

import (
	"os"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

// How wide some signs are depends on the locale; the tests are of one.
func TestMain(m *testing.M) {
	text.OverrideRuneWidthEastAsianWidth(false)
	os.Exit(m.Run())
}

// boards generates boards of some runs, with streams cut into pieces. Some runs are in trouble or
// start again.
func boards() *rapid.Generator[fedBoard] {
	return rapid.Custom(func(t *rapid.T) fedBoard {
		board := newFedBoard()
		for range rapid.IntRange(0, 6).Draw(t, "runs") {
			run := domain.RunID(laws.Text().Draw(t, "run"))
			for rest := laws.Streams().Draw(t, "stream"); len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "entries")
				board.Take(run, rest[:n])
				rest = rest[n:]
			}
			switch rapid.IntRange(0, 9).Draw(t, "then") {
			case 7:
				board.Waiting(run, laws.Text().Draw(t, "waits for"))
			case 8:
				board.Trouble(run, laws.Text().Draw(t, "trouble"))
			case 9:
				board.begin(run)
			}
		}
		return board
	})
}

// moments generates times near to those of the generated streams, and any.
func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time { return time.UnixMilli(laws.AtMs().Draw(t, "now")) })
}

// fixture returns the entries of a recorded stream.
func fixture(t testing.TB, path string) []domain.Entry {
	file, err := os.Open("../../fixtures/" + path)
	require.NoError(t, err)
	defer file.Close()
	reader := jsonl.NewReader(file, jsonl.Options{})
	var all []domain.Entry
	for {
		entries, err := reader.Next()
		if err != nil {
			return all
		}
		all = append(all, entries...)
	}
}
