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
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// batches is a stream that yields size entries at a time. It reuses its memory, as a reader does.
type batches struct {
	left []domain.Entry
	size int
	used []domain.Entry
	err  error // returned at the end, instead of io.EOF
}

func stream(entries []domain.Entry) *batches { return &batches{left: entries, size: 3} }

func (b *batches) Next() ([]domain.Entry, error) {
	clear(b.used)
	if len(b.left) == 0 {
		if b.err != nil {
			return nil, b.err
		}
		return nil, io.EOF
	}
	n := min(b.size, len(b.left))
	b.used = append(b.used[:0], b.left[:n]...)
	b.left = b.left[n:]
	return b.used, nil
}

// write returns the report of entries.
func write(t rapid.TB, format report.Format, entries []domain.Entry, options report.Options) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := report.Write(&out, format, "run-1", stream(entries), options); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return out.String()
}

// writeAll returns the report of several runs, named run-1 and so on.
func writeAll(t rapid.TB, format report.Format, options report.Options, runs ...[]domain.Entry) string {
	t.Helper()
	var out bytes.Buffer
	w, err := report.NewWriter(&out, format)
	for i := 0; i < len(runs) && err == nil; i++ {
		_, err = w.Add("run-1", stream(runs[i]), options)
	}
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

// only returns the built-in projections with these names.
func only(names ...string) []*projections.Definition {
	chosen, err := projections.Choose(projections.Builtin.Reported(), names)
	if err != nil {
		panic(err)
	}
	return chosen
}

// record returns the rows that the projections derive from entries.
func record(t rapid.TB, entries []domain.Entry) *projections.Record {
	t.Helper()
	r, err := projections.Project("run-1", stream(entries))
	require.NoError(t, err)
	return r
}

// fixtures yields the entries of all recorded streams.
func fixtures(t *testing.T) map[string][]domain.Entry {
	t.Helper()
	paths, err := filepath.Glob("../../fixtures/*.jsonl")
	require.NoError(t, err, "no fixtures")
	require.NotEmpty(t, paths, "no fixtures")
	all := map[string][]domain.Entry{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		all[path] = parse(t, data)
	}
	return all
}

// forEach checks recorded and generated streams.
func forEach(t *testing.T, check func(rapid.TB, []domain.Entry)) {
	t.Helper()
	for path, entries := range fixtures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) { check(t, entries) })
	}
	t.Run("generated", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { check(t, laws.Streams().Draw(t, "stream")) })
	})
}

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
