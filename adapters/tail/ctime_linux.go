package tail

import (
	"io/fs"
	"syscall"
	"time"
)

// changeTime returns when the file's contents or metadata last changed. No program can set this time.
func changeTime(info fs.FileInfo) (at time.Time) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		at = time.Unix(int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec)) // the types differ between processors
	}
	return at
}
