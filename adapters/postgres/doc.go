// Package postgres keeps the rows of runs in a PostgreSQL database, which many programs
// can share. [Store] is a [store.Store].
//
//	s, err := postgres.Open(ctx, "postgres://user@host:5432/database?sslmode=require")
//
// Anybody can read the tables. Those of rows are created from the definitions of their
// projections (table.go), all others by migrations. They are in the current schema of the
// connection: ?search_path=ci in the address keeps them apart from other tables.
//
// # How rows are written
//
// An Update is one transaction. Rows are encoded as binary COPY data, and sent a megabyte
// at a time: the server receives a large run while its next rows are encoded, and many
// small runs share a COPY. All checkpoints are written by one statement at the end.
//
// An advisory lock on a hash of its id locks a run. Two programs can write different runs
// at the same time; a program that writes a run that is locked waits. To limit the wait,
// and get [store.ErrLocked] after it, set lock_timeout in the address or for the role.
//
// # How values are stored
//
// Strings are stored as they are, and compared byte by byte. Characters that PostgreSQL's
// text cannot hold, such as U+0000, are escaped (text.go). A string can be longer than an
// entry of an index: so the primary key of rows is their position, and their own key is
// unique by the hashes of its texts.
//
// If you update or delete a row, a trigger removes the checkpoint of its run, and the run
// is derived again. [store.Verify] finds rows that you insert.
//
// # Rights
//
// To create tables, also later for a new projection, a role needs CREATE on the schema. To
// migrate the tables of an earlier program, it must own them. To write, it needs SELECT,
// INSERT, UPDATE and DELETE on all tables; to read, SELECT on all of them,
// quire_project_schema and quire_project_projections included.
//
// # Behind a pooler
//
// [Open] works behind a pooler that assigns connections for one transaction, such as
// PgBouncer with pool_mode=transaction: it prepares no named statements and takes no
// session locks. Such a pooler may refuse parameters of an address, such as search_path:
// set them for the role or the database instead. If you pass a pool to [New], create it
// with pgx.QueryExecModeCacheDescribe or QueryExecModeExec.
package postgres
