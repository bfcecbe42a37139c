// Package sqlite keeps the rows of runs in an SQLite database: a file, and no
// server. [Store] is a [store.Store]; package projections/store says how its
// rows stay true to their streams.
//
// [Open] is all it takes:
//
//	s, err := sqlite.Open(ctx, "quire.db")
//
// The driver is modernc.org/sqlite, which needs no C compiler.
//
// # In a database of your own
//
// A program that has a database already hands it in with [New], and finds a table for
// each projection, such as runs and jobs, the view sh_timings and the table checkpoints
// beside its own. If a table of one of these names is there that is not a
// store's, nothing is touched, and the error is [store.ErrForeign]. The handle
// may be one of another driver, as the store uses SQL and database/sql alone;
// but only of modernc.org/sqlite are errors told apart, as [store.ErrLocked] and
// the like. The settings are the program's. These are good ones:
//
//	PRAGMA journal_mode = wal        -- nobody waits for who reads
//	PRAGMA synchronous = normal      -- see below
//	PRAGMA busy_timeout = 10000      -- wait for who writes
//	PRAGMA cache_size = -65536       -- long transactions stay in memory
//
// An update holds a connection until it ends, and so does a view. With a handle
// that has one connection only, as one on a database in memory does, no method
// may be called from within another.
//
// # For readers
//
// The tables can be read with anything that reads SQLite, at any time: a reader
// sees whole runs of one moment, waits for nobody, and nobody waits for it. As
// long as it reads, though, the write-ahead log grows with what is written, so
// a transaction that reads should not be left open.
//
// Who changes or deletes a row makes the checkpoint of its run void, by a
// trigger, and the run is derived again when its stream is next taken in. What
// was inserted by hand is found by verify.
//
// A database in a folder that cannot be written, of which nobody has the log
// open, is read as if it never changed. It should then not be written by
// others either.
//
// # When the power fails
//
// A commit is not forced to the disk (synchronous=normal). The database is whole
// whatever happens, to the system as to the program. But what was committed in
// the last moments before the power failed may be gone. It is then derived from
// the streams again, which costs less than to wait for the disk at each commit.
//
// # How rows get in fast
//
// One statement inserts up to 256 rows; what is left of them goes in with
// statements of 64, 16, 4 and 1, so that there are few to prepare. While one
// goroutine has SQLite insert, another makes arguments of the next rows. Where the
// rows of a statement are of one run, its id is one argument for all of them.
// No statement has to be undone alone (INSERT OR ROLLBACK), which spares SQLite
// a journal for it.
package sqlite
