package report_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/report"
)

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return "none"
	}
	require.NoError(t, err)
	return string(data)
}

func TestFileAppearsWhenItIsWhole(t *testing.T) {
	folder := t.TempDir()
	for _, before := range []string{"none", "before"} {
		for _, commit := range []bool{false, true} {
			path := filepath.Join(folder, "report.json")
			_ = os.Remove(path)
			if before != "none" {
				require.NoError(t, os.WriteFile(path, []byte(before), 0o640))
			}
			file, err := report.CreateFile(path)
			require.NoError(t, err)
			_, err = file.WriteString("after")
			require.NoError(t, err)
			assert.Equal(t, before, content(t, path), "before the commit")
			want := before
			if commit {
				want = "after"
				require.NoError(t, file.Commit())
			}
			file.Discard()
			assert.Equal(t, want, content(t, path), "commit %v", commit)
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
	require.NoError(t, os.WriteFile(target, []byte("before"), 0o600))
	if err := os.Symlink("target", link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	file, err := report.CreateFile(link)
	require.NoError(t, err)
	_, _ = file.WriteString("after")
	require.NoError(t, file.Commit())
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || content(t, target) != "after" {
		t.Errorf("the link is %v, %v, and its target holds %s", info, err, content(t, target))
	}
}

func TestFileThatIsNone(t *testing.T) {
	file, err := report.CreateFile("/dev/null")
	if err != nil {
		t.Skip(err)
	}
	_, err = file.WriteString("gone")
	assert.NoError(t, err)
	assert.NoError(t, file.Commit())
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode().IsRegular() {
		t.Errorf("/dev/null is %v, %v now", info, err)
	}
	_, err = report.CreateFile(t.TempDir())
	assert.Error(t, err, "a folder can be written to")
}
