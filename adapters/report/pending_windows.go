package report

import (
	"os"
	"path/filepath"
)

// pendingFile is a file that has no name of its own yet. renameio does not work on Windows.
type pendingFile struct{ *os.File }

func newPendingFile(path string) (*pendingFile, error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*")
	return &pendingFile{file}, err
}

// Cleanup removes the file.
func (f *pendingFile) Cleanup() error {
	_ = f.Close() // it may be closed
	return os.Remove(f.Name())
}
