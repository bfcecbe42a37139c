package report

import (
	"bytes"
	"regexp"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// drawVersioning draws a result of comparing versions.
func drawVersioning(t *rapid.T) *store.Versioning {
	versions := rapid.MapOf(rapid.SampledFrom([]string{"jobs", "mine"}), rapid.IntRange(0, 9))
	count := rapid.IntRange(0, 3)
	v := &store.Versioning{
		From: versions.Draw(t, "from"), To: versions.Draw(t, "to"), Added: map[string][]string{"mine": {"a", "b"}}, Removed: map[string][]string{"jobs": {"c"}},
		Compared: count.Draw(t, "compared"), Differing: count.Draw(t, "differing"), Carried: count.Draw(t, "carried"), Behind: count.Draw(t, "behind"),
	}
	for range count.Draw(t, "differences") {
		d := store.VersionDifference{Kind: rapid.SampledFrom([]store.Kind{store.Differs, store.Missing, store.Extra}).Draw(t, "kind"), Projection: "jobs", Rows: 3, Runs: 1}
		e := store.Difference{Kind: d.Kind, RunID: domain.RunID(laws.Text().Draw(t, "run")), Table: "jobs", Key: store.Key{{Name: "job_id", Value: laws.Text().Draw(t, "job")}}}
		switch d.Kind {
		case store.Differs:
			d.Column, e.Column, e.Stored, e.Derived = "state", "state", laws.Text().Draw(t, "live"), nil
		case store.Missing:
			e.Derived = projections.Job{JobID: "a"}
		default:
			e.Stored = projections.Job{JobID: laws.Text().Draw(t, "job")}
		}
		d.Examples = []store.Difference{e, e, e}[:rapid.IntRange(1, 3).Draw(t, "examples")]
		v.Differences = append(v.Differences, d)
	}
	return v
}

// writeVersioning leaves out the line of counts, which is not fitted to the width.
func writeVersioning(t *rapid.T, _ string, format Format, width int) string {
	var out bytes.Buffer
	require.NoError(t, WriteVersioning(&out, format, width, drawVersioning(t)))
	return regexp.MustCompile(`(?m)^\d+ runs? compared.*\n`).ReplaceAllString(out.String(), "")
}
