package kept_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/kept"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Reading the exported folder and reading the store both give the streams, with any run ids.
func TestExportGivesTheStreamsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, streams := memory.New().KeepStreams(), map[domain.RunID][]byte{}
		folder, err := os.MkdirTemp("", "kept")
		require.NoError(t, err)
		defer os.RemoveAll(folder)
		ids := rapid.SliceOfNDistinct(rapid.StringN(1, 20, -1), 0, 4, rapid.ID[string]).Draw(t, "ids")
		for _, round := range []string{"first", "grown"} {
			for _, id := range ids {
				run := domain.RunID(id)
				line := rapid.SampledFrom([]string{"oh\n", `{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n", "\xff\r\n", "\n"})
				for range rapid.IntRange(0, 20).Draw(t, round) {
					streams[run] = append(streams[run], line.Draw(t, "line")...)
				}
				ingest(t, s, run, streams[run])
			}
			archive, err := kept.Open(t.Context(), s, "memory")
			require.NoError(t, err)
			sources := jsonl.Streams{Paths: []string{"memory"}, Archives: map[string]jsonl.Archive{"memory": archive}}
			for _, id := range ids { // as if an export was killed
				part := filepath.Join(folder, domain.PathOf(domain.RunID(id))+".ABCDEF23.part")
				require.NoError(t, os.MkdirAll(filepath.Dir(part), 0o777))
				require.NoError(t, os.WriteFile(part, []byte("\n"), 0o666))
			}
			_, err = kept.Export(t.Context(), sources, folder, func(err error) { t.Fatal(err) })
			require.NoError(t, err)
			require.Empty(t, parts(t, folder))
			again, err := kept.Export(t.Context(), sources, folder, func(err error) { t.Fatal(err) })
			if require.NoError(t, err); again.Written > 0 {
				t.Fatalf("what is there is written again: %s", again)
			}
		}
		read := map[domain.RunID][]byte{}
		for at, err := range jsonl.Folder(folder).Locations() {
			if errors.Is(err, jsonl.ErrNoStream) && len(ids) == 0 {
				continue
			}
			require.NoError(t, err)
			read[at.Run], err = os.ReadFile(at.Path)
			require.NoError(t, err)
		}
		require.Len(t, read, len(ids))
		for run, data := range read {
			assert.True(t, bytes.Equal(data, streams[run]), "%q is %q", run, data)
		}
	})
}

// parts returns the files in a folder that were not written to their ends.
func parts(t require.TestingT, folder string) (parts []string) {
	require.NoError(t, filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".part" {
			parts = append(parts, path)
		}
		return err
	}))
	return parts
}

func ingest(t require.TestingT, s store.Store, run domain.RunID, stream []byte) {
	file, err := os.CreateTemp("", "stream")
	require.NoError(t, err)
	defer os.Remove(file.Name())
	_, err = file.Write(stream)
	require.NoError(t, errors.Join(err, file.Close()))
	at := jsonl.Location{Path: file.Name(), Run: run}
	_, err = store.Ingest(context.Background(), s, at.Source(jsonl.Options{OnMalformed: jsonl.Skip}), store.Options{})
	require.NoError(t, err)
}

// A run whose stream is not kept is reported, and other runs are read.
func TestNotKept(t *testing.T) {
	s := memory.New()
	ctx := t.Context()
	ingest(t, s, "before", []byte("\n"))
	_, err := kept.Open(ctx, s, "memory")
	assert.ErrorIs(t, err, kept.ErrKeepsNone)
	ingest(t, s.KeepStreams(), "since", []byte("\n"))
	archive, err := kept.Open(ctx, s, "memory")
	require.NoError(t, err)
	errs := map[domain.RunID]error{}
	for at, err := range archive.Locations("") {
		errs[at.Run] = err
	}
	assert.Len(t, errs, 2)
	assert.ErrorIs(t, errs["before"], store.ErrNotKept)
	assert.NoError(t, errs["since"])
	folder := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.MkdirAll(folder, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "events.jsonl"), nil, 0o666))
	_, err = kept.Export(ctx, jsonl.Streams{}, folder, nil)
	assert.ErrorIs(t, err, kept.ErrOneStream)
}
