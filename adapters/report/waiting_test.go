package report

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// drawWaiting draws the waiting runs of a store.
func drawWaiting(t *rapid.T) []WaitingRun {
	codes := []store.QuarantineCode{store.MalformedSegment, store.MissingSegment, store.OtherStream, store.CannotGoOn}
	count := rapid.Int64Range(0, 1<<40)
	var runs []WaitingRun
	for range rapid.IntRange(0, 4).Draw(t, "runs") {
		w := store.Waiting{
			Run:      domain.RunID(laws.Text().Draw(t, "run")),
			Segments: rapid.IntRange(0, 1000).Draw(t, "segments"), Bytes: count.Draw(t, "bytes"),
			First: count.Draw(t, "first"), Last: count.Draw(t, "last"), Age: time.Duration(count.Draw(t, "age")),
		}
		if rapid.Bool().Draw(t, "quarantined") {
			w.Quarantine = &store.Quarantine{
				Code: rapid.SampledFrom(codes).Draw(t, "code"), Reason: laws.Text().Draw(t, "reason"),
				Offset: count.Draw(t, "offset"), Since: time.UnixMilli(count.Draw(t, "since")),
			}
		}
		var checkpoint store.Checkpoint
		if rapid.Bool().Draw(t, "begun") {
			checkpoint.End = domain.Mark{Bytes: count.Draw(t, "end"), Lines: count.Draw(t, "lines")}
			checkpoint.Events, checkpoint.Source = count.Draw(t, "events"), laws.Text().Draw(t, "source")
		}
		runs = append(runs, newWaitingRun(&w, checkpoint))
	}
	return runs
}

// The document is valid against docs/schema/quarantine.json.
func TestQuarantineDocument(t *testing.T) {
	isDocument(t, "quarantine", func(t *rapid.T, format Format, width int) string {
		var out bytes.Buffer
		require.NoError(t, WriteWaiting(&out, format, width, drawWaiting(t)))
		return out.String()
	})
}

// The schema rejects invalid documents.
func TestQuarantineSchemaRefuses(t *testing.T) {
	const good = `{"schema":"quire-project/quarantine/v1","runs":[{"run_id":"r",` +
		`"quarantine":{"code":"missing","reason":"x","offset":7,"since":"2026-01-02T03:04:05Z"},` +
		`"projected":{"bytes":1,"lines":2,"events":3,"source":"s"},"held":{"segments":1,"bytes":2,"first":3,"last":4,"age_ms":5}}]}`
	refuses(t, "quarantine", good, [][2]string{
		{"quarantine/v1", "quarantine/v2"}, {`"missing"`, `"lost"`}, {`"run_id":"r",`, ``}, {`"offset":7`, `"offset":-1`},
		{`"reason":"x",`, ``}, {`"events":3,`, ``}, {`"last":4`, `"last":"4"`}, {`"age_ms":5`, `"age_ms":5,"data":"x"`},
	})
}

// Each run has a line in the list and a block in the description; both contain nothing that could
// control a terminal, and the list fits it.
func TestQuarantineForPeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs := drawWaiting(t)
		columns := rapid.OneOf(rapid.Just(0), rapid.IntRange(40, 200)).Draw(t, "columns")
		for _, full := range []bool{false, true} {
			var out bytes.Buffer
			if full {
				for i := range runs {
					out.WriteString(runs[i].String())
				}
			} else if err := WriteWaiting(&out, Table, columns, runs); err != nil {
				t.Fatal(err)
			}
			want := max(1, len(runs))
			if !full && len(runs) > 0 {
				want++ // the header
			}
			lines := 0
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q could control a terminal", line)
				if n := text.StringWidth(line); !full && columns > 0 && n > columns && !strings.ContainsFunc(line, unsure) {
					t.Fatalf("%d columns do not fit %d: %s", n, columns, line)
				}
				if !full || strings.HasPrefix(line, "run ") {
					lines++
				}
			}
			if len(runs) > 0 && lines != want {
				t.Fatalf("%d runs have %d lines, not %d:\n%s", len(runs), lines, want, out.String())
			}
		}
	})
}
