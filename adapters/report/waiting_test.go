package report

import (
	"bytes"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// drawWaiting draws the waiting runs of a store.
func drawWaiting(t *rapid.T) []WaitingRun {
	codes := []store.QuarantineCode{store.MalformedSegment, store.MissingSegment, store.OtherStream, store.NotResumable}
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

// writeWaiting also checks that the list has a line for each run, and the description a block.
func writeWaiting(t *rapid.T, _ string, format Format, width int) string {
	runs := drawWaiting(t)
	var out bytes.Buffer
	require.NoError(t, WriteWaiting(&out, format, width, runs))
	if format == Table && len(runs) > 0 {
		require.Equal(t, len(runs)+1, strings.Count(out.String(), "\n"))
		full := "\n"
		for i := range runs {
			full += runs[i].String()
		}
		fits(t, full, 0)
		require.Equal(t, len(runs), strings.Count(full, "\nrun "))
	}
	return out.String()
}
