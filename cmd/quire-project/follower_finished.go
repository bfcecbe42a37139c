package main

import (
	"io/fs"
	"os"
)

// finished is where a stream was left.
type finished struct {
	file          fs.FileInfo
	offset, lines int64
}

// in returns where a stream was left, if it is still in the file at path.
func (f *finished) in(path string) *finished {
	if f == nil {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil || !os.SameFile(info, f.file) || info.Size() < f.offset {
		return nil
	}
	return f
}
