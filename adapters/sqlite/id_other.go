//go:build !linux && !darwin && !freebsd

package sqlite

import (
	"io/fs"
	"path/filepath"
)

// fileID distinguishes a file from its copies on this machine by its path.
func fileID(name string, _ fs.FileInfo) string {
	path, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	return path
}
