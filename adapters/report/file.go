package report

import (
	"fmt"
	"os"
	"path/filepath"
)

// File is a report's file in the making. It is written aside and takes its
// name when it is whole, so that a failure leaves no half of one, and what had
// the name before as it was.
type File struct {
	*os.File
	pending *pendingFile // nil where there is nothing to take the place of
	path    string
}

// CreateFile begins the file at path. What is there and is no regular file,
// such as /dev/null or a named pipe, is written to as it is.
func CreateFile(path string) (*File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, fmt.Errorf("%s: is a folder; name a file", Printable(path))
		}
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		return &File{File: file}, err
	}
	path = linked(path) // replace what a link leads to, not the link
	pending, err := newPendingFile(path)
	if err != nil {
		return nil, err
	}
	return &File{File: pending.File, pending: pending, path: path}, nil
}

// linked returns what path leads to, which need not exist.
func linked(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	if target, err := os.Readlink(path); err == nil {
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		return target
	}
	return path
}

// Commit gives the file its name. It is not forced to the disk first, as
// renameio would: a report can be derived again, and that can take longer than
// deriving it.
func (f *File) Commit() error {
	if err := f.Close(); err != nil || f.pending == nil {
		return err
	}
	if err := os.Rename(f.Name(), f.path); err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	f.pending = nil
	return nil
}

// Discard gives up what Commit has not given its name.
func (f *File) Discard() {
	if f.pending != nil {
		_ = f.pending.Cleanup() // the file is of no use in any case
	}
}
