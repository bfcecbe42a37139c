package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
)

// onDisk are the stores, each with what makes a database on a disk.
var onDisk = []struct {
	name string
	make func(testing.TB, *disk) database
}{
	{"SQLite", func(t testing.TB, d *disk) database { return sqliteIn(d.path) }},
	{"PostgreSQL", postgresOn},
}

func eachOnDisk(t *testing.T, do func(t *testing.T, d *disk, db database)) {
	for _, kind := range onDisk {
		t.Run(kind.name, func(t *testing.T) {
			d := newDisk(t, "64m")
			do(t, d, kind.make(t, d))
		})
	}
}

func TestIngestOnFullDisk(t *testing.T) {
	eachOnDisk(t, func(t *testing.T, d *disk, db database) {
		full := &full{disk: d, rnd: random(t)}
		newWork(t, db, full.rnd, full, times(15)).ingest(t)
	})
}

func TestRebuildOnFullDisk(t *testing.T) {
	eachOnDisk(t, func(t *testing.T, d *disk, db database) {
		full := &full{disk: d, rnd: random(t)}
		newWork(t, db, full.rnd, full, times(15)).rebuild(t)
	})
}

// full is that a disk gets full while the program writes, after a few bytes
// or after many.
type full struct {
	disk *disk
	rnd  *rand.Rand
}

func (f *full) strike(t testing.TB, args ...string) (completed bool) {
	t.Helper()
	f.disk.fill(t, f.rnd.Int64N(1<<(8+f.rnd.IntN(15))))
	e := run(t, args...)
	if e.status != 0 {
		e.fails(t, "the disk is full", "make room")
	}
	return e.status == 0
}

func (f *full) clear(t testing.TB) { f.disk.makeRoom(t) }

// postgresOn makes a database whose tables are on a disk.
func postgresOn(t testing.TB, d *disk) database {
	t.Helper()
	server := pgtest.Shared(t)
	control := server.NewDatabase(t)
	space, folder := "space_of_"+nameOf(t, control), filepath.Join(d.path, "tables")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Chown(folder, serverUser(t, control), -1)); err != nil {
		t.Fatal(err)
	}
	execute(t, control, fmt.Sprintf(`CREATE TABLESPACE %s LOCATION '%s'`, space, folder))
	t.Cleanup(func() { execute(t, control, `DROP TABLESPACE `+space) })
	return postgresAt(with(t, server.NewDatabase(t), "default_tablespace", space))
}

// serverUser returns the user that a server runs as.
func serverUser(t testing.TB, address string) int {
	t.Helper()
	info, err := os.Stat(ask(t, address, `SHOW data_directory`))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}
