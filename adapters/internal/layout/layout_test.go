package layout_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/layout"
)

// found returns the streams that a walk with Read finds in a folder.
func found(t *rapid.T, folder string) (streams []string) {
	entries, err := layout.Read(folder, layout.IsStream)
	require.NoError(t, err)
	for _, entry := range entries {
		switch entry.Kind {
		case layout.Folder:
			streams = append(streams, found(t, entry.Path)...)
		case layout.Stream:
			streams = append(streams, entry.Path)
		}
	}
	return streams
}

// A walk with Read finds exactly the streams that are not hidden. A folder with an only
// stream has no other one.
func TestReadAndHiddenAgree(t *testing.T) {
	names := []string{"a", "b", "events.jsonl", "events.jsonl.gz", "x.jsonl", "y.jsonl.zst", "note"}
	rapid.Check(t, func(t *rapid.T) {
		root, err := os.MkdirTemp("", "layout")
		require.NoError(t, err)
		defer os.RemoveAll(root)
		for range rapid.IntRange(1, 8).Draw(t, "files") {
			parts := rapid.SliceOfN(rapid.SampledFrom(names), 1, 4).Draw(t, "path")
			path := filepath.Join(append([]string{root}, parts...)...)
			if os.MkdirAll(filepath.Dir(path), 0o700) == nil { // else a file is in the way
				_ = os.WriteFile(path, nil, 0o600) // or a folder
			}
		}
		var seen []string
		err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && layout.IsStream(path) && !layout.Hidden(root, path) {
				seen = append(seen, path)
			}
			return err
		})
		if read := found(t, root); err != nil || !slices.Equal(read, seen) {
			t.Fatalf("Read leads to %v, and %v are not hidden; %v", read, seen, err)
		}
		for _, path := range seen {
			only := filepath.Base(path) == "events.jsonl" || filepath.Base(path) == "events.jsonl.gz"
			beside := func(other string) bool {
				inside, err := filepath.Rel(filepath.Dir(path), other)
				return other != path && err == nil && filepath.IsLocal(inside)
			}
			if only && slices.ContainsFunc(seen, beside) {
				t.Fatalf("%s is not the only stream: %v", path, seen)
			}
		}
	})
}
