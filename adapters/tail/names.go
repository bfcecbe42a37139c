package tail

import (
	"io/fs"
	"os"
	"path/filepath"
)

// canonical returns the one name of a file or a folder: absolute, and without
// links; if it cannot be found, then at least absolute.
func canonical(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

// target returns the canonical name of what a link leads to, and nothing for
// what is no link.
func target(path string) string {
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return ""
	}
	return canonical(path)
}

// nearest returns the folder next above path that is there.
func nearest(path string) string {
	for {
		above := filepath.Dir(path)
		if _, err := os.Stat(above); err == nil || above == path {
			return above
		}
		path = above
	}
}

// moved returns what name is called if from is called to; false for what is
// not in from.
func moved(name, from, to string) (string, bool) {
	inside, err := filepath.Rel(from, name)
	if err != nil || !filepath.IsLocal(inside) {
		return "", false
	}
	return filepath.Join(to, inside), true
}
