//go:build unix

package faults

import "testing"

// A read-only file system, for example a snapshot.
func TestReadOnlyDisk(t *testing.T) {
	d := newDisk(t, 16<<20)
	db, s := sqliteIn(d.path), newStream(t.TempDir(), "run")
	writeBefore(t, db, s)
	d.makeReadOnly(t)
	readsOnly(t, s, db, run)
	libraryReadsOnly(t, s, db)
}
