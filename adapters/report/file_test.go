package report_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/quire-ci/quire-project/adapters/report"
)

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFileAppearsWhenItIsWhole(t *testing.T) {
	folder := t.TempDir()
	for _, before := range []string{"none", "before"} {
		for _, commit := range []bool{false, true} {
			path := filepath.Join(folder, "report.json")
			_ = os.Remove(path)
			if before != "none" {
				if err := os.WriteFile(path, []byte(before), 0o640); err != nil {
					t.Fatal(err)
				}
			}
			file, err := report.CreateFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.WriteString("after"); err != nil {
				t.Fatal(err)
			}
			if got := content(t, path); got != before {
				t.Errorf("before the commit there is %s, want %s", got, before)
			}
			want := before
			if commit {
				want = "after"
				if err := file.Commit(); err != nil {
					t.Fatal(err)
				}
			}
			file.Discard()
			if got := content(t, path); got != want {
				t.Errorf("commit %v: there is %s, want %s", commit, got, want)
			}
			if info, err := os.Stat(path); err == nil && before != "none" && info.Mode().Perm() != 0o640 {
				t.Errorf("the file's mode has become %v", info.Mode())
			}
			if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	}
}

func TestFileThroughALink(t *testing.T) {
	folder := t.TempDir()
	target, link := filepath.Join(folder, "target"), filepath.Join(folder, "link")
	if err := os.WriteFile(target, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	file, err := report.CreateFile(link)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.WriteString("after")
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || content(t, target) != "after" {
		t.Errorf("the link is %v, %v, and its target holds %s", info, err, content(t, target))
	}
}

func TestFileThatIsNone(t *testing.T) {
	file, err := report.CreateFile("/dev/null")
	if err != nil {
		t.Skip(err)
	}
	if _, err := file.WriteString("gone"); err != nil {
		t.Error(err)
	}
	if err := file.Commit(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode().IsRegular() {
		t.Errorf("/dev/null is %v, %v now", info, err)
	}
	if _, err := report.CreateFile(t.TempDir()); err == nil {
		t.Error("a folder can be written to")
	}
}
