package tail

import (
	"io/fs"
	"os"
	"time"
)

// state is the state of a file at one moment.
type state struct {
	fs.FileInfo
	// sure is set if any later change shows in the file's times, because they were older than a tick
	// of the file system's clock.
	sure bool
}

func stateOf(info fs.FileInfo, tick time.Duration) state {
	if info == nil {
		return state{}
	}
	age := time.Since(changedAt(info))
	return state{info, age > tick || age < -tick}
}

// changedAt returns the latest known time of a change of the file.
func changedAt(info fs.FileInfo) time.Time {
	at := info.ModTime()
	if change := changeTime(info); change.After(at) {
		return change
	}
	return at
}

// changed reports whether two states of a file differ.
func changed(was, is fs.FileInfo) bool {
	return !os.SameFile(was, is) || was.Size() != is.Size() || !was.ModTime().Equal(is.ModTime()) ||
		!changeTime(was).Equal(changeTime(is))
}
