package tail

import (
	"io/fs"
	"os"
	"time"
)

// state is how a file was at one moment.
type state struct {
	fs.FileInfo
	// sure says that a later change shows in the file's times: those that it had were
	// older than a tick of the clock that file systems keep.
	sure bool
}

func stateOf(info fs.FileInfo, tick time.Duration) state {
	if info == nil {
		return state{}
	}
	age := time.Since(changedAt(info))
	return state{info, age > tick || age < -tick}
}

// changedAt returns the latest time at which anything of a file has changed, as far as
// is known.
func changedAt(info fs.FileInfo) time.Time {
	at := info.ModTime()
	if change := changeTime(info); change.After(at) {
		return change
	}
	return at
}

// changed reports whether a file is not as it was.
func changed(was, is fs.FileInfo) bool {
	return !os.SameFile(was, is) || was.Size() != is.Size() || !was.ModTime().Equal(is.ModTime()) ||
		!changeTime(was).Equal(changeTime(is))
}
