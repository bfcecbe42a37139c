//go:build darwin || freebsd || netbsd

package tail

import (
	"io/fs"
	"syscall"
	"time"
)

// changeTime returns when the file or what is known of it was changed, a time that no
// program can set.
func changeTime(info fs.FileInfo) (at time.Time) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		at = time.Unix(int64(stat.Ctimespec.Sec), int64(stat.Ctimespec.Nsec)) // of other types on some processors
	}
	return at
}
