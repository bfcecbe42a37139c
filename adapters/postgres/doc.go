// Package postgres keeps the rows of runs in a PostgreSQL database, which many
// programs and people can share. It is a [store.Store].
//
//	s, err := postgres.Open(ctx, "postgres://user@host:5432/database?sslmode=require")
//
// The tables are for anybody to read. Those of rows are made of the definitions of
// their projections, see table.go, all others by migrations. They stand in the
// connection's current schema, so that ?search_path=ci in the address keeps them apart
// from other tables of the database.
//
// # How rows are written
//
// An Update is one transaction. Rows are encoded as binary COPY data while they
// come in, and sent a megabyte at a time: a large run is taken in by the server
// while the next rows are encoded, many small runs share a COPY. Checkpoints
// are written at the end, all in one statement.
//
// A run is locked by an advisory lock on a hash of its id. Two programs can
// write at the same time as long as they write different runs; whoever wants
// a run that another one has waits. To wait no longer than some time, and get
// [store.ErrLocked] then, set lock_timeout, in the address or for the role.
//
// # What is kept, and how
//
// Strings are stored as they are, and compared byte by byte. What PostgreSQL's
// text cannot hold, U+0000 above all, is escaped; text.go says how. They may be longer
// than an index takes: the primary key of rows is their position, and their own key is
// unique by the hashes of its texts.
//
// Whoever changes or deletes rows by hand makes the checkpoint of their runs
// void: triggers see to it, and the runs are derived again. To insert rows by hand
// goes unnoticed, until verify.
//
// # Rights
//
// To make the tables, a role has to be allowed to create in the schema, for those of a
// projection that is added later, too. Otherwise it needs SELECT, INSERT, UPDATE and
// DELETE on them to write, and SELECT on all of them, quire_project_schema and
// quire_project_projections included, to read.
//
// # Behind a pooler
//
// A pooler that hands out connections for a transaction at a time, as PgBouncer
// with pool_mode=transaction does, needs no setting: [Open] prepares no statement
// under a name and takes no lock of a session. Such a pooler may refuse what an
// address asks of the session, as search_path; set that for the role or the
// database instead. A pool that is handed to [New] has to be made for the pooler by
// the caller, with pgx.QueryExecModeCacheDescribe or QueryExecModeExec.
package postgres
