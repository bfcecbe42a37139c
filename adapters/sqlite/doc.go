// Package sqlite keeps the rows of runs in an SQLite database, which is a file and needs
// no server. [Store] is a [store.Store].
//
//	s, err := sqlite.Open(ctx, "quire.db")
//
// The driver is modernc.org/sqlite, which needs no C compiler.
//
// # In a database of your own
//
// [New] uses a database that your program has already. It creates the tables of the
// projections, the view sh_timings and the other tables of a store, such as checkpoints,
// beside yours. If a table with one of these names belongs to another program, New
// changes nothing and returns [store.ErrForeign].
//
// Your handle can have another driver: the store uses only SQL and database/sql. But it
// recognizes errors, such as [store.ErrLocked], only from modernc.org/sqlite. You choose
// the settings. These are good ones:
//
//	PRAGMA journal_mode = wal        -- writers do not wait for readers
//	PRAGMA synchronous = normal      -- see below
//	PRAGMA busy_timeout = 10000      -- wait for other writers
//	PRAGMA cache_size = -65536       -- long transactions stay in memory
//
// An update or a view holds a connection until it ends. If your handle has only one
// connection, as for a database in memory, do not call a method from within another.
//
// # Reading the tables
//
// You can read the tables with any SQLite client at any time. A reader sees whole runs as
// they were at one moment. Readers and writers do not wait for each other. But while a
// reading transaction is open, the write-ahead log grows with everything that is written,
// so do not leave one open.
//
// If you update or delete a row, a trigger removes the checkpoint of its run, and the run
// is derived again when its stream is next ingested. [store.Verify] finds rows that you
// insert.
//
// If a database is in a folder that you cannot write, and nobody has its log open, it is
// read as if it never changed. Others should not write it meanwhile.
//
// # Loss of power
//
// A commit does not wait for the disk (synchronous=normal), unless you open the store with
// [Durable]. The database stays consistent, but the last commits before a loss of power
// may be missing. They are derived from the streams again, which costs less than waiting
// for the disk at each commit.
//
// # How rows are inserted fast
//
// One statement inserts up to 256 rows. Statements for 64, 16, 4 and 1 rows insert the
// rest, so that few statements have to be prepared. While one goroutine lets SQLite
// insert, another one prepares the arguments of the next rows. If all rows of a statement
// belong to one run, its id is one argument. No statement is undone alone (INSERT OR
// ROLLBACK), so SQLite needs no journal for it.
package sqlite
