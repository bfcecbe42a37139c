package report

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// File is the file of a report. It is written under a temporary name and renamed when it is
// complete. So a failure leaves no partial report, and keeps the previous file.
type File struct {
	*os.File
	path string // the name that Commit gives it; "" if it is written directly
}

// CreateFile creates the file at path. If path is not a regular file, such as /dev/null or a named
// pipe, CreateFile opens it and File writes to it directly. The error is a [WriteError].
func CreateFile(path string) (*File, error) {
	file, err := createFile(path)
	var named *fs.PathError
	if errors.As(err, &named) { // it may contain the temporary name
		err = fmt.Errorf("%s: %w", Printable(path), named.Err)
	}
	if err != nil {
		return nil, &WriteError{err}
	}
	return file, nil
}

func createFile(path string) (*File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, fmt.Errorf("%s: is a folder; name a file", Printable(path))
		}
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		return &File{File: file}, err
	}
	path = linked(path) // replace the target of a link, not the link
	file, err := createBeside(path)
	if err != nil {
		return nil, err
	}
	return &File{file, path}, nil
}

// createBeside creates a file in the folder of path. It has the permissions of the
// file at path, if there is one.
func createBeside(path string) (file *os.File, err error) {
	for file == nil {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s%d", filepath.Base(path), rand.Uint32()))
		file, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	if info, err := os.Stat(path); err == nil {
		_ = file.Chmod(info.Mode().Perm()) // a file system without permissions refuses it
	}
	return file, nil
}

// linked returns the target of a link at path, which need not exist.
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

// Commit renames the file to its final name. It does nothing for a nil file. It does not sync the
// file to the disk, which can take longer than deriving the report again.
func (f *File) Commit() error {
	if f == nil {
		return nil
	}
	if err := f.Close(); err != nil || f.path == "" {
		return err
	}
	if err := os.Rename(f.Name(), f.path); err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	f.path = ""
	return nil
}

// Discard removes the file, unless it has been committed.
func (f *File) Discard() {
	if f != nil && f.path != "" {
		_ = f.Close() // it may be closed already
		_ = os.Remove(f.Name())
	}
}
