package report_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// FuzzStream takes any bytes through the whole program: they are decoded, every projection is
// checked against the laws, and every report is written.
func FuzzStream(f *testing.F) {
	paths, err := filepath.Glob("../../fixtures/*.jsonl")
	require.NoError(f, err, "no fixtures")
	require.NotEmpty(f, paths, "no fixtures")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data[:min(len(data), 2500)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries := parse(t, data)
		if len(entries) > 20 { // the laws cut a stream in many ways
			entries = entries[:20]
		}
		for _, err := range []error{
			laws.Hold(projections.Runs, entries),
			laws.Hold(projections.Jobs, entries),
			laws.Hold(projections.ShEvents, entries),
			laws.Hold(projections.RunTimings, entries),
			laws.Hold(projections.JobTimings, entries),
			laws.Hold(projections.ShTimings, entries),
			laws.Hold(projections.Slowest, entries),
			laws.Hold(projections.Diagnostics, entries),
		} {
			assert.NoError(t, err)
		}
		if got, want := write(t, report.JSON, entries, report.Options{}), marshal(t, full{report.SchemaVersion, *record(t, entries)}); got != want {
			t.Errorf("the document is\n%s, want\n%s", got, want)
		}
		for _, format := range []report.Format{report.NDJSON, report.Table, report.Markdown} {
			write(t, format, entries, report.Options{})
		}
	})
}

// parse reads a stream, and skips malformed lines.
func parse(t testing.TB, data []byte) []domain.Entry {
	t.Helper()
	reader := jsonl.NewReader(bytes.NewReader(data), jsonl.Options{OnMalformed: jsonl.Skip})
	var all []domain.Entry
	for {
		entries, err := reader.Next()
		all = append(all, entries...)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
	}
}
