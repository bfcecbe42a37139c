package cli

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

const (
	startLine = `{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n"
	endLines  = `{"at_ms":2,"type":"job_finished","job_id":"a","outcome":"failed"}` + "\n" + `{"at_ms":3,"type":"run_finished","outcome":"pipeline_failure"}` + "\n"
)

// verified waits until a store has the rows of its streams.
func verified(t *testing.T, streams, db string) {
	t.Helper()
	var said []byte
	waitUntil(t, func() (ok bool) {
		var err error
		said, err = exec.Command("quire-project", "verify", streams, "--to", "sqlite:"+db).CombinedOutput()
		return err == nil
	}, func() string { return string(said) })
}

func write(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err == nil {
		_, err = file.WriteString(text)
		err = errors.Join(err, file.Close())
	}
	require.NoError(t, err)
}

func removeDatabase(t *testing.T, db string) {
	t.Helper()
	for _, ending := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.Remove(db+ending))
	}
}

// If the database is removed or moved, follow makes it again, with the runs that ended before. If
// another file takes its place, follow ends.
func TestFollowWhenDatabaseIsRemoved(t *testing.T) {
	for name, test := range map[string]struct {
		disturb func(t *testing.T, db string)
		status  int
	}{
		"removed": {removeDatabase, command.StatusOK},
		"moved": {func(t *testing.T, db string) {
			require.NoError(t, os.Rename(db, db+".old"))
		}, command.StatusOK},
		"replaced": {func(t *testing.T, db string) {
			if out, err := exec.Command("quire-project", "rebuild", "../../fixtures", "--to", "sqlite:"+db+".new").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			require.NoError(t, os.Rename(db+".new", db))
		}, command.StatusIO},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			runs, db := filepath.Join(folder, "runs"), filepath.Join(folder, "quire.db")
			require.NoError(t, os.Mkdir(runs, 0o755))
			write(t, filepath.Join(runs, "over.jsonl"), startLine+endLines)
			write(t, filepath.Join(runs, "open.jsonl"), startLine)
			p := startProcess(t, "follow", runs, "--to", "sqlite:"+db, "-q")
			verified(t, runs, db)
			test.disturb(t, db)
			write(t, filepath.Join(runs, "open.jsonl"), endLines)
			if test.status != command.StatusOK {
				if status := p.wait(t); status != test.status {
					t.Errorf("it ends with %d: %s", status, &p.said)
				}
				p.says(t, "the database was replaced: another file was put in its place")
				return
			}
			p.says(t, "the file of the database is gone: it was removed or moved while it was in use; following starts again")
			verified(t, runs, db)
			p.interrupt(t, command.StatusOK)
		})
	}
}

// A subscriber acknowledges nothing while its database is gone, and is not healthy.
func TestSubscribeWhenDatabaseIsRemoved(t *testing.T) {
	t.Parallel()
	folder, at := t.TempDir(), natstest.New(t).URL()
	runs, db := filepath.Join(folder, "runs"), filepath.Join(folder, "quire.db")
	require.NoError(t, os.Mkdir(runs, 0o755))
	publish := func(run string) {
		t.Helper()
		stream := filepath.Join(runs, run+".jsonl")
		write(t, stream, startLine+endLines)
		if out, err := exec.Command("quire-project", "publish", stream, "--to", at).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	subscribe := func() *process {
		return startProcess(t, "subscribe", "--from", at, "--to", "sqlite:"+db, "--listen", "127.0.0.1:0")
	}
	p := subscribe()
	publish("before")
	verified(t, runs, db)
	removeDatabase(t, db)
	for _, run := range []string{"after1", "after2", "after3"} {
		publish(run)
	}
	p.says(t, "the store is unavailable.*the file of the database is gone")
	url := regexp.MustCompile(`http://[0-9.:]+`).FindString(p.said.String())
	answer, err := http.Get(url + "/healthz")
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode, "healthz")
	p.interrupt(t, command.StatusOK)
	_, err = os.Stat(db)
	assert.ErrorIs(t, err, os.ErrNotExist, "there is a database")
	// A worker that creates a new database still receives what was published since.
	require.NoError(t, os.Remove(filepath.Join(runs, "before.jsonl")))
	p = subscribe()
	verified(t, runs, db)
	require.NoError(t, os.WriteFile(db+".new", nil, 0o644))
	require.NoError(t, os.Rename(db+".new", db))
	publish("last")
	if status := p.wait(t); status != command.StatusIO {
		t.Errorf("with another database in its place it ends with %d: %s", status, &p.said)
	}
}
