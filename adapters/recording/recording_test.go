package recording

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// Whatever is asked for, a record leaves what was recorded where it was asked to, and nothing else.
func TestRecordLaw(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(r, err)
		ask := rapid.SampledFrom([]Record{
			{},
			{Events: filepath.Join(dir, "a.jsonl")},
			{Logs: dir},
			{Events: filepath.Join(dir, "a.jsonl"), Logs: dir},
			{Runs: filepath.Join(dir, "runs")},
		}).Draw(r, "record")
		record, events, failed := ask, rapid.IntRange(0, 2).Draw(r, "events"), rapid.Bool().Draw(r, "failed")
		record.Succeeded = rapid.Bool().Draw(r, "succeeded")
		logged := rapid.Bool().Draw(r, "logged") && events > 0

		var out strings.Builder
		require.NoError(r, record.Open(t.Context(), &out))
		require.DirExists(r, record.Logs)
		for range events {
			require.NoError(r, record.Sink.Emit(domain.Event{Kind: domain.JobFinished, JobID: "a", Outcome: domain.Complete}))
		}
		want := map[string]bool{}
		runs := strings.TrimSuffix(out.String(), "\n")
		require.Equal(r, ask.Runs != "", runs != "", "the name of the run's folder is printed")
		if logged {
			name := filepath.Join(record.Logs, "a.log")
			require.NoError(r, os.WriteFile(name, nil, 0o666))
			if ask.Logs+ask.Runs != "" {
				want[name] = true
			}
		}
		if events > 0 && record.Events != "" {
			want[record.Events] = true
		}
		var run error
		if failed {
			run = errors.New("the run failed")
		}
		require.Equal(r, run, record.Close(run, func(text string) { r.Fatal(text) }))

		files := map[string]bool{}
		require.NoError(r, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files[path] = true
			}
			return err
		}))
		require.Equal(r, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(files)))
		if ask.Logs == "" && ask.Runs == "" {
			require.NoDirExists(r, record.Logs, "logs that nobody asked for are removed")
		}
		if ask.Runs != "" {
			_, err := os.Stat(filepath.Join(ask.Runs, runs))
			require.Equal(r, events > 0, err == nil, "a run without events leaves no folder")
		}
		if record.Events != "" && events > 0 {
			text, err := os.ReadFile(record.Events)
			require.NoError(r, err)
			require.Equal(r, events, strings.Count(string(text), "\n"))
			require.Equal(r, record.Succeeded, strings.Contains(string(text), "succeeded"))
		}
	})
}

// A run counts only if it is recorded, so the record's error outranks the run's.
func TestLostStreamOutranksTheRun(t *testing.T) {
	t.Parallel()
	record := Record{Events: filepath.Join(t.TempDir(), "a.jsonl")}
	require.NoError(t, record.Open(t.Context(), nil))
	require.NoError(t, os.Remove(record.Events))
	require.ErrorIs(t, record.Close(errors.New("the run failed"), func(text string) { t.Error(text) }), jsonl.ErrStreamLost)
}

func TestRecordWithoutFolder(t *testing.T) {
	t.Parallel()
	record := Record{Events: filepath.Join(t.TempDir(), "no", "a.jsonl")}
	err := record.Open(t.Context(), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
