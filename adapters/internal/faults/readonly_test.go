//go:build unix

package faults

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections/store"
)

// unprivileged is the user id of nobody.
const unprivileged = 65534

// The file, its folder or both are read-only, with and without the log that a killed program left.
func TestReadOnlyFile(t *testing.T) {
	for _, mode := range []struct {
		name         string
		file, folder fs.FileMode
		log          string // "": removed by the program
	}{
		{"file", 0o444, 0o777, ""},
		{"folder", 0o666, 0o555, ""},
		{"both", 0o444, 0o555, ""},
		{"killed", 0o444, 0o555, "left"},
		{"without a log", 0o444, 0o555, "none"},
	} {
		t.Run(mode.name, func(t *testing.T) {
			folder, origin := publicFolder(t), t.TempDir()
			s := newStream(publicFolder(t), "run")
			writeBefore(t, sqliteIn(origin), s)
			switch mode.log {
			case "none":
				execute(t, connect(t, sqliteIn(origin)), "PRAGMA journal_mode = delete")
			case "left":
				opened := sqliteIn(origin).open(t)
				_, err := store.Ingest(t.Context(), opened, s.recording(), store.Options{Force: true})
				require.NoError(t, err)
			}
			require.NoError(t, os.CopyFS(folder, os.DirFS(origin)))
			setModes(t, folder, mode.file, mode.folder)
			readsOnly(t, s, sqliteIn(folder), asNobody)
		})
	}
}

// A read-only folder has no store, or one that lacks a table.
func TestReadOnlyFolderWithoutStore(t *testing.T) {
	folder, s := publicFolder(t), newStream(publicFolder(t), "run")
	db := sqliteIn(folder)
	s.becomes(t, before(t, s))
	setModes(t, folder, 0, 0o555)
	asNobody(t, s.path, "--to", db.address).fails(t, "cannot be made; make the folder "+folder+" writable")
	require.NoError(t, os.Chmod(folder, 0o777))
	run(t, s.path, "--to", db.address).succeeds(t)
	execute(t, connect(t, db), "DROP TABLE labels", "DELETE FROM quire_project_projections WHERE name = 'labels'")
	setModes(t, folder, 0o444, 0o555)
	asNobody(t, "verify", s.path, "--to", db.address).fails(t, "the database is read-only")
}

// setModes sets the modes of a folder and of its files until the test ends.
func setModes(t testing.TB, folder string, file, self fs.FileMode) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	for _, path := range files {
		err = errors.Join(err, os.Chmod(path, file))
	}
	if err = errors.Join(err, os.Chmod(folder, self)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(folder, 0o755) })
}

// asNobody runs the program as a user without privileges.
func asNobody(t testing.TB, args ...string) ended {
	t.Helper()
	c := newCommand(t, args...)
	if os.Geteuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unprivileged, Gid: unprivileged}}
	}
	c.start(t)
	return c.wait(t)
}

// A role has no right to write, or a connection is read-only.
func TestReadOnlyRole(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	db, s := postgresAt(address), newStream(t.TempDir(), "run")
	writeBefore(t, db, s)
	name := "reader_of_" + nameOf(t, address)
	execute(t, connect(t, db), `CREATE ROLE `+name+` LOGIN PASSWORD 'secret-too'`, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO `+name)
	t.Cleanup(func() { execute(t, connect(t, db), `DROP OWNED BY `+name, `DROP ROLE `+name) })
	u := parsed(t, address)
	u.User = url.UserPassword(name, "secret-too")
	for name, db := range map[string]database{
		"role":       postgresAt(u.String()),
		"connection": postgresAt(with(t, address, "default_transaction_read_only", "on")),
	} {
		t.Run(name, func(t *testing.T) {
			readsOnly(t, s, db, run)
			libraryReadsOnly(t, s, db)
		})
	}
}

// writeBefore writes the rows of the first version of a stream.
func writeBefore(t testing.TB, db database, s *stream) {
	t.Helper()
	s.becomes(t, before(t, s))
	run(t, s.path, "--to", db.address).succeeds(t)
}

// before and after are two versions of a stream that grows.
func before(t testing.TB, s *stream) *version {
	whole := after(t, s).data
	return newVersion(s.run, wholeLines(whole[:len(whole)/2]))
}

func after(t testing.TB, s *stream) *version {
	return newVersion(s.run, synthetic(t, synth.Shape{Jobs: 20, Sh: 60}))
}

// readsOnly expects that reading commands succeed, and that writing ones say why they cannot.
func readsOnly(t *testing.T, s *stream, db database, run func(testing.TB, ...string) ended) {
	t.Helper()
	run(t, "verify", s.path, "--to", db.address).succeeds(t)
	run(t, s.path, "--to", db.address).succeeds(t) // nothing has changed
	run(t, "rebuild", s.path, "--to", db.address).succeeds(t)
	run(t, "rebuild", s.path, "--to", db.address, "--dry-run", "--force").succeeds(t)
	s.becomes(t, after(t, s))
	defer s.becomes(t, before(t, s))
	for _, command := range [][]string{{s.path}, {"rebuild", s.path}, {"rebuild", filepath.Dir(s.path), "--force"}} {
		run(t, append(command, "--to", db.address)...).fails(t, "the database is read-only")
	}
	assert.Equal(t, 5, run(t, "verify", s.path, "--to", db.address).status, "verify ends with status")
}

// libraryReadsOnly expects the same from the library.
func libraryReadsOnly(t *testing.T, s *stream, db database) {
	t.Helper()
	opened := db.open(t)
	if _, err := store.Ingest(t.Context(), opened, s.recording(), store.Options{Force: true}); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Ingest gives %v", err)
	}
	if _, err := store.ReadRecord(t.Context(), opened, s.run); err != nil {
		t.Error(err)
	}
	err := store.Verify(t.Context(), opened, store.Single(s.recording()), store.VerifyOptions{Done: func(v store.Verified) {
		assert.NoError(t, v.Err, "%+v", v)
		assert.LessOrEqual(t, v.Differences, 0, "%+v", v)
	}})
	assert.NoError(t, err)
}
