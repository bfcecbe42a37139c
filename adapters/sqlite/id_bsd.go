//go:build darwin || freebsd

package sqlite

import (
	"fmt"
	"io/fs"
	"syscall"
)

// fileID distinguishes a file from its copies on any machine: by its inode and its creation
// time. It survives a restart of the machine.
func fileID(_ string, info fs.FileInfo) string {
	file, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprint(file.Ino, " ", file.Birthtimespec.Sec, " ", file.Birthtimespec.Nsec)
}
