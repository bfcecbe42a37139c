//go:build unix

package faults

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/fixtures/synth"
)

// onDisk are the stores, each with a function that makes a database on a disk.
var onDisk = []struct {
	name string
	make func(testing.TB, *disk) database
}{
	{"SQLite", func(t testing.TB, d *disk) database { return sqliteIn(d.path) }},
	{"PostgreSQL", func(t testing.TB, d *disk) database { return postgresOn(t, pgtest.Shared(t), d) }},
}

func eachOnDisk(t *testing.T, do func(t *testing.T, d *disk, db database)) {
	for _, kind := range onDisk {
		t.Run(kind.name, func(t *testing.T) {
			d := newDisk(t, 64<<20)
			do(t, d, kind.make(t, d))
		})
	}
}

func TestIngestOnFullDisk(t *testing.T) {
	eachOnDisk(t, func(t *testing.T, d *disk, db database) {
		onFullDisk(t, d, db).ingest(t)
	})
}

func TestRebuildOnFullDisk(t *testing.T) {
	eachOnDisk(t, func(t *testing.T, d *disk, db database) {
		onFullDisk(t, d, db).rebuild(t, killedRuns)
	})
}

// onFullDisk returns work on a disk that gets full, while another program has the store open.
func onFullDisk(t *testing.T, d *disk, db database) *work {
	t.Helper()
	s := newStream(t.TempDir(), "small")
	writeBefore(t, db, s)
	full := &full{disk: d, rnd: random(t)}
	w := newWork(db, full.rnd, full, times(kills))
	w.reader.keep, w.reader.store = true, db.open(t)
	return w
}

// The disk has no room for the tables, or for opening a database at all.
func TestFirstUseOnFullDisk(t *testing.T) {
	eachOnDisk(t, func(t *testing.T, d *disk, db database) {
		s := newStream(t.TempDir(), "small")
		s.becomes(t, after(t, s))
		for _, room := range []int64{100 << 10, 8 << 10} {
			d.fill(t, room)
			run(t, s.path, "--to", db.address).fails(t, "the disk is full", "make room")
		}
		d.makeRoom(t)
		run(t, s.path, "--to", db.address).succeeds(t)
		d.fill(t, 0)
		if e := run(t, "verify", s.path, "--to", db.address); e.status != 0 {
			e.fails(t, "the disk is full", "make room")
		}
		d.makeRoom(t)
		verified(t, s.path, db)
	})
}

// full is a fault: the disk gets full while the program writes, after a few bytes or after many.
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

// postgresOn makes a database in a server, whose tables are on a disk.
func postgresOn(t testing.TB, server *pgtest.Server, d *disk) database {
	t.Helper()
	any := postgresAt(server.URL("postgres"))
	control, space, folder := connect(t, any), filepath.Base(d.path), filepath.Join(d.path, "tables")
	require.NoError(t, errors.Join(os.Mkdir(folder, 0o700), os.Chown(folder, serverUser(t, control), -1)))
	execute(t, control, fmt.Sprintf(`CREATE TABLESPACE "%s" LOCATION '%s'`, space, folder))
	t.Cleanup(func() { execute(t, connect(t, any), fmt.Sprintf(`DROP TABLESPACE "%s"`, space)) })
	return postgresAt(with(t, server.NewDatabase(t), "default_tablespace", space))
}

// serverUser returns the user that a server runs as.
func serverUser(t testing.TB, control *sql.Conn) int {
	t.Helper()
	info, err := os.Stat(ask(t, control, `SHOW data_directory`))
	require.NoError(t, err)
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// The disk of the server's log gets full. The server stops, or rolls back the transaction.
func TestFullDiskUnderServer(t *testing.T) {
	own, other, rnd := newDisk(t, 192<<20), newDisk(t, 192<<20), random(t)
	program(t)                   // must not be built there
	t.Setenv("TMPDIR", own.path) // the server goes there
	server := pgtest.New(t, "max_wal_size=32MB", "min_wal_size=32MB", "wal_recycle=off")
	db := postgresOn(t, server, other)
	f, s := newFolder(t, 50), newStream(t.TempDir(), "large")
	run(t, "rebuild", f.path, "--to", db.address).succeeds(t)
	opened := db.open(t)
	s.becomes(t, newVersion(s.run, synthetic(t, synth.Shape{Jobs: 20_000, Sh: 65_000})))
	for range times(2) {
		execute(t, connect(t, db), "CHECKPOINT") // makes room, and must not come later
		own.fill(t, rnd.Int64N(8<<20))
		e := run(t, "rebuild", s.path, "--to", db.address, "--force")
		e.fails(t)
		own.makeRoom(t)
		server.Kill(t) // if it still runs
		server.Start(t)
		for i, s := range f.streams {
			if record := readRecord(t, opened, s.run); !f.now[i].is(record) {
				t.Fatalf("run %s is %v", s.run, runOf(record))
			}
		}
		run(t, s.path, "--to", db.address).succeeds(t)
		verified(t, s.path, db)
		verified(t, f.path, db)
	}
}

// The disk gets full while new rows are built beside the current ones, which stay whole.
func TestVersionsOnFullDisk(t *testing.T) {
	eachOnDisk(t, func(t *testing.T, d *disk, db database) {
		v := &versions{t: t, db: db, f: newFolder(t, 20)}
		v.run(v.f.path).succeeds(t)
		reader := &look{db: db, rnd: random(t), keep: true, store: db.open(t)}
		full := &full{disk: d, rnd: reader.rnd}
		for range times(2) {
			v.ages()
			full.strike(t, v.args([]string{v.f.path})...)
			for i, s := range v.f.streams {
				require.True(t, v.f.now[i].is(reader.read(t, s.run)), "run %s", s.run)
			}
			full.clear(t)
			v.run(v.f.path).succeeds(t)
			verified(t, v.f.path, db)
		}
	})
}

// A read-only file system, for example a snapshot.
func TestReadOnlyDisk(t *testing.T) {
	d := newDisk(t, 16<<20)
	db, s := sqliteIn(d.path), newStream(t.TempDir(), "run")
	writeBefore(t, db, s)
	d.makeReadOnly(t)
	readsOnly(t, s, db, run)
	libraryReadsOnly(t, s, db)
}

// disk is a small file system of its own.
type disk struct {
	path string
	size int64
}

// newDisk mounts a file system of the given size until the test ends.
func newDisk(t testing.TB, size int64) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	d := &disk{publicFolder(t), size}
	d.mount(t, 0, "mode=0777,"+sized(size))
	t.Cleanup(func() {
		assert.NoError(t, syscall.Unmount(d.path, syscall.MNT_DETACH))
	})
	return d
}

func (d *disk) mount(t testing.TB, flags uintptr, options string) {
	t.Helper()
	require.NoError(t, syscall.Mount("tmpfs", d.path, "tmpfs", flags, options), "mount %s", options)
}

func sized(size int64) string { return fmt.Sprintf("size=%d", size) }

// fill leaves room for the given number of bytes.
func (d *disk) fill(t testing.TB, room int64) {
	t.Helper()
	var stat syscall.Statfs_t
	require.NoError(t, syscall.Statfs(d.path, &stat))
	used := int64(stat.Blocks-stat.Bfree) * stat.Bsize
	d.mount(t, syscall.MS_REMOUNT, sized(max(used+room, 1))) // 0 would be no limit
}

// makeRoom undoes fill.
func (d *disk) makeRoom(t testing.TB) {
	t.Helper()
	d.mount(t, syscall.MS_REMOUNT, sized(d.size))
}

// makeReadOnly mounts the disk read-only.
func (d *disk) makeReadOnly(t testing.TB) {
	t.Helper()
	d.mount(t, syscall.MS_REMOUNT|syscall.MS_RDONLY, sized(d.size))
}
