package postgres

import "github.com/quire-ci/quire-project/projections"

// Option is a choice in opening a store.
type Option func(*options)

type options struct {
	mustExist, durable, remake bool
	set                        *projections.Set
}

// Projections sets the projections that the store has tables for. The default is
// [projections.Builtin].
func Projections(set *projections.Set) Option { return func(o *options) { o.set = set } }

// Remake drops the tables that an older version of their projection made for other columns,
// and makes them again, without rows.
func Remake() Option { return func(o *options) { o.remake = true } }

// MustExist has [Open] fail with [io/fs.ErrNotExist] where there is no store yet,
// instead of making one.
func MustExist() Option { return func(o *options) { o.mustExist = true } }

// Durable makes every commit wait until it is on the server's disk. It is for
// those who let go of a stream, or tell a broker that they are done with a part of
// one, once its rows are committed. Others derive the rows of the last half
// second again, should the server crash.
func Durable() Option { return func(o *options) { o.durable = true } }
