package follow

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/projections/store"
)

// A reader that still uses the path from which a stream was moved does not treat the stream at the new
// path as another one.
func TestClaimOfAMovedStream(t *testing.T) {
	folder := t.TempDir()
	old, moved := filepath.Join(folder, "run.jsonl"), filepath.Join(folder, "events", "run.jsonl")
	f := newFollower(t.Context(), Options{})
	claim := func(path string) error {
		source := jsonl.Locate(path)
		source.Run = "run"
		_, _, err := f.claim(source)
		return err
	}
	put(t, old, keptLine)
	require.NoError(t, claim(old))
	require.NoError(t, errors.Join(os.Mkdir(filepath.Dir(moved), 0o777), os.Rename(old, moved)))
	assert.NoError(t, claim(moved), "moved")
	assert.ErrorIs(t, claim(old), errMoved, "where")
	put(t, old, keptLine)
	var twin *store.DuplicateError
	assert.ErrorAs(t, claim(old), &twin, "another one in its place")
}
