//go:build darwin || freebsd

package sqlite

import (
	"fmt"
	"io/fs"
	"syscall"
)

// fileID tells a file from its copies, on this machine and on others: by its number and by
// when it was made. It stays when the machine is started again.
func fileID(_ string, info fs.FileInfo) string {
	file, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprint(file.Ino, " ", file.Birthtimespec.Sec, " ", file.Birthtimespec.Nsec)
}
