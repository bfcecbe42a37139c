package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/quire-ci/quire-project/adapters/sqlite"
)

// All who open a store get one id, and no other store has it: not a copy, and not one that
// was made anew in the same place.
func TestID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	id := func(path string) string {
		t.Helper()
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		id, err := s.ID(t.Context())
		if err != nil || id == "" {
			t.Fatal(id, err)
		}
		return id
	}
	first := id(path)
	if again := id(path); again != first {
		t.Errorf("%s is called %s the next time", first, again)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if got := id(link); got != first {
		t.Errorf("%s is called %s by a link", first, got)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "quire.db")
	if err := os.WriteFile(copied, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if id(copied) == first {
		t.Error("a copy is called the same")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	anew := id(path)
	if anew == first {
		t.Error("a store that was made anew is called the same")
	}
	// A backup that takes the file's place.
	if err := os.Rename(copied, path); err != nil {
		t.Fatal(err)
	}
	if restored := id(path); restored == first || restored == anew {
		t.Error("a store that was restored is called the same")
	}
}
