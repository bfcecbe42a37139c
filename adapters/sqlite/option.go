package sqlite

import "time"

// Option changes how [Open] opens a database.
type Option func(*options)

type options struct {
	mustExist   bool
	busyTimeout time.Duration
}

// MustExist has Open fail with [io/fs.ErrNotExist] where there is no store yet,
// instead of making one.
func MustExist() Option { return func(o *options) { o.mustExist = true } }

// BusyTimeout sets for how long an update waits while others write; it is 10
// seconds otherwise.
func BusyTimeout(timeout time.Duration) Option {
	return func(o *options) { o.busyTimeout = timeout }
}
