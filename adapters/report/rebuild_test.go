package report

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
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

// The document is valid against docs/schema/rebuild.json.
func TestVersioningDocument(t *testing.T) {
	isDocument(t, "rebuild", func(t *rapid.T, format Format, width int) string {
		var out bytes.Buffer
		require.NoError(t, WriteVersioning(&out, format, width, drawVersioning(t)))
		return out.String()
	})
}

// The schema rejects invalid documents.
func TestVersioningSchemaRefuses(t *testing.T) {
	const good = `{"schema":"quire-project/rebuild/v1","from":{"jobs":1},"to":{"jobs":2},"added_columns":{"jobs":["more"]},"removed_columns":{},"runs":{"compared":1,"differing":1,"carried":0,"behind":0},` +
		`"differences":[{"kind":"differs","projection":"jobs","column":"state","rows":1,"runs":1,"examples":[{"kind":"differs","run_id":"a","table":"jobs","key":{"job_id":"b"},"column":"state","stored":"x","derived":null}]}]}`
	refuses(t, "rebuild", good, [][2]string{
		{"rebuild/v1", "rebuild/v2"}, {`"jobs":1`, `"jobs":0`}, {`["more"]`, `[]`}, {`"carried":0,`, ``}, {`"rows":1`, `"rows":0`},
		{`"kind":"differs","projection"`, `"kind":"behind","projection"`}, {`,"derived":null`, ``}, {`"differences":`, `"more":1,"differences":`},
	})
}

// The table fits the terminal and cannot control it.
func TestVersioningForPeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVersioning(t)
		var out bytes.Buffer
		columns := rapid.IntRange(90, 200).Draw(t, "columns")
		require.NoError(t, WriteVersioning(&out, Table, columns, v))
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q could control a terminal", line)
			if n := text.StringWidth(line); n > columns && !strings.ContainsFunc(line, unsure) && !strings.Contains(line, " compared") {
				t.Fatalf("%d columns do not fit %d: %s", n, columns, line)
			}
		}
	})
}
