package follow_test

import (
	"os"
	"path/filepath"
	"testing"
)

// The summary names folders and files that still cannot be examined at the end.
func TestUnread(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"one.jsonl", "gone.jsonl", "mended.jsonl"} { // each leads to itself
		if err := os.Symlink(name, filepath.Join(folder, name)); err != nil {
			t.Skip("there are no links here: ", err)
		}
	}
	if os.Geteuid() != 0 {
		shut := filepath.Join(folder, "shut")
		if err := os.Mkdir(shut, 0); err != nil {
			t.Fatal(err)
		}
		defer chmod(t, shut, 0o777)
	}
	_, db, end := following(t, folder)
	add(t, filepath.Join(folder, "run.jsonl"), started)
	eventually(t, "another one is stored", func() bool { return stored(t, db, "run", 1) })
	for _, name := range []string{"gone.jsonl", "mended.jsonl"} {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	add(t, filepath.Join(folder, "mended.jsonl"), started)
	eventually(t, "the mended one is stored", func() bool { return stored(t, db, "mended", 1) })
	want := 1
	if os.Geteuid() != 0 {
		want++
	}
	if summary := end(); len(summary.Unread) != want || len(summary.Skipped) > 0 {
		t.Errorf("unread are %v; skipped are %v", summary.Unread, summary.Skipped)
	}
}
