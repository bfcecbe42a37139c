package follow_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// following follows a folder with a store until the function that is returned is called.
func following(t *testing.T, folder string) (s *seen, db store.Store, end func() follow.Summary) {
	s, db = newSeen(), memory.New()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan follow.Summary, 1)
	go func() {
		summary, _ := follow.Follow(ctx, folder, s.options(db))
		done <- summary
	}()
	return s, db, func() follow.Summary {
		cancel()
		return <-done
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// twins writes two streams with one id. The first one is read.
func twins(t *testing.T, folder string) (first, second string) {
	for _, name := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "a", "run.jsonl"), filepath.Join(folder, "b", "run.jsonl")
}

// Of two streams that have the same id, the second one is read when the first one has been
// renamed, though nothing has happened to its own file.
func TestTwinIsRenamed(t *testing.T) {
	folder := t.TempDir()
	first, second := twins(t, folder)
	s, db, end := following(t, folder)
	add(t, first, started)
	eventually(t, "the first one is stored", func() bool { return stored(t, db, "run", 1) })
	add(t, second, started+finished)
	eventually(t, "the second one is skipped", func() bool { return s.has("skipped : ") })
	rename(t, first, filepath.Join(folder, "a", "other.jsonl"))
	eventually(t, "the second one is stored", func() bool { return stored(t, db, "run", 2) })
	eventually(t, "the first one is stored", func() bool { return stored(t, db, "other", 1) })
	if summary := end(); len(summary.Skipped) > 0 {
		t.Errorf("skipped are %v", summary.Skipped)
	}
}

// A stream that was skipped and is there no more is nothing that could not be read.
func TestTwinIsRemoved(t *testing.T) {
	folder := t.TempDir()
	first, second := twins(t, folder)
	s, db, end := following(t, folder)
	add(t, first, started)
	eventually(t, "the first one is stored", func() bool { return stored(t, db, "run", 1) })
	add(t, second, started)
	eventually(t, "the second one is skipped", func() bool { return s.has("skipped : ") })
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if summary := end(); len(summary.Skipped) > 0 {
		t.Errorf("skipped are %v", summary.Skipped)
	}
}

// A stream that may not be read is when it may, though it does not change.
func TestMayBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read all")
	}
	for what, test := range map[string]struct {
		shut string
		mode os.FileMode
	}{"file": {"in/run.jsonl", 0o666}, "folder": {"in", 0o777}} {
		t.Run(what, func(t *testing.T) {
			folder := t.TempDir()
			path, shut := filepath.Join(folder, "in", "run.jsonl"), filepath.Join(folder, test.shut)
			if err := os.Mkdir(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			overwrite(t, path, started)
			s, db, end := following(t, folder)
			eventually(t, "it is stored", func() bool { return stored(t, db, "run", 1) && s.lines("run") == 1 })
			events := int64(1)
			if what == "file" { // one that was open before stays so
				events = 2
				overwrite(t, path+".new", started+finished)
				chmod(t, path+".new", 0)
				rename(t, path+".new", path)
			} else {
				chmod(t, shut, 0)
			}
			eventually(t, "it is skipped", func() bool { return s.has("skipped run: ") })
			times := s.times("run")
			chmod(t, shut, test.mode)
			eventually(t, "it is read again", func() bool { return stored(t, db, "run", events) && s.lines("run") == events && s.times("run") > times })
			if summary := end(); len(summary.Skipped) > 0 {
				t.Errorf("skipped are %v", summary.Skipped)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
