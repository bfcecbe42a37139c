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
	remake      bool
}

// Projections sets the projections that the store has tables for. The default is
// [projections.Builtin].
func Projections(set *projections.Set) Option { return func(o *options) { o.set = set } }

// Remake drops the tables that an older version of their projection made for other columns,
// and makes them again, without rows.
func Remake() Option { return func(o *options) { o.remake = true } }

// Durable makes every commit wait until it is on the disk. It is for those who
// let go of a stream, or tell a broker that they are done with a part of one, once
// its rows are committed. Others derive again what a power failure takes.
func Durable() Option { return func(o *options) { o.durable = true } }

// Cache sets how many bytes the connection that writes keeps in memory; 64 MiB otherwise,
// for long transactions. Short ones do with less.
func Cache(bytes int64) Option { return func(o *options) { o.cache = bytes } }

// MustExist has Open fail with [io/fs.ErrNotExist] where there is no store yet,
// instead of making one.
func MustExist() Option { return func(o *options) { o.mustExist = true } }

// BusyTimeout sets for how long an update waits while others write; it is 10
// seconds otherwise.
func BusyTimeout(timeout time.Duration) Option {
	return func(o *options) { o.busyTimeout = timeout }
}
