package tail

import (
	"io/fs"
	"os"
	"path/filepath"
)

// canonical returns the absolute path of a file or folder without symbolic links. If a link cannot be
// resolved, the path is only made absolute.
func canonical(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

// target returns the canonical name of the file that a link points to, or "" if path is not a link.
func target(path string) string {
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return ""
	}
	return canonical(path)
}

// nearest returns the closest ancestor of path that exists.
func nearest(path string) string {
	for {
		above := filepath.Dir(path)
		if _, err := os.Stat(above); err == nil || above == path {
			return above
		}
		path = above
	}
}

// moved returns the name that results when from is renamed to to. It returns false if name is not in
// from.
func moved(name, from, to string) (string, bool) {
	inside, err := filepath.Rel(from, name)
	if err != nil || !filepath.IsLocal(inside) {
		return "", false
	}
	return filepath.Join(to, inside), true
}
