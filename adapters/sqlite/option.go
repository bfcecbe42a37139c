package sqlite

import (
	"time"

	"github.com/quire-ci/quire-project/projections"
)

// Option changes how [Open] opens a database.
type Option func(*options)

type options struct {
	mustExist   bool
	busyTimeout time.Duration
	durable     bool
	cache       int64
	set         *projections.Set
	keep        bool
}

// Projections sets the projections that the store has tables for. The default is
// [projections.Builtin].
func Projections(set *projections.Set) Option { return func(o *options) { o.set = set } }

// KeepStreams makes the store keep the streams of its runs, from now on and whichever program
// writes it. Streams that were read before are kept when they are read again.
func KeepStreams() Option { return func(o *options) { o.keep = true } }

// Durable makes every commit wait until it is on the disk. Use it if you delete streams, or
// acknowledge messages, after their rows are committed. Otherwise rows that a power failure
// loses are derived again.
func Durable() Option { return func(o *options) { o.durable = true } }

// Cache sets how many bytes the writing connection keeps in memory. The default is 64 MiB,
// for long transactions; short ones need less.
func Cache(bytes int64) Option { return func(o *options) { o.cache = bytes } }

// MustExist makes Open fail with [io/fs.ErrNotExist] if there is no store yet, instead of creating
// one.
func MustExist() Option { return func(o *options) { o.mustExist = true } }

// BusyTimeout sets how long an update waits while other programs write. The default is 10
// seconds.
func BusyTimeout(timeout time.Duration) Option {
	return func(o *options) { o.busyTimeout = timeout }
}
