package follow

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/projections/store"
)

// Who still reads a stream by a path from which it was moved does not take the stream
// at the other path for another one.
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
	if err := claim(old); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Dir(moved), 0o777), os.Rename(old, moved)); err != nil {
		t.Fatal(err)
	}
	if err := claim(moved); err != nil {
		t.Errorf("moved, it is %v", err)
	}
	if err := claim(old); !errors.Is(err, errMoved) {
		t.Errorf("where it was, there is %v", err)
	}
	put(t, old, keptLine)
	var twin *store.DuplicateError
	if err := claim(old); !errors.As(err, &twin) {
		t.Errorf("another one in its place is %v", err)
	}
}
