package cli

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/storetest/services"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// After kill -9 at any moment while runs grow, the same command continues, and nothing is missing in
// the end.
func TestFollowKilled(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 3
	}
	w := newWriting(t, "sqlite:"+filepath.Join(t.TempDir(), "quire.db"), 20)
	rnd := rand.New(rand.NewPCG(1, 0))
	for range kills {
		p := w.follow(t)
		time.Sleep(time.Duration(rnd.Int64N(int64(300 * time.Millisecond))))
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	w.completes(t)
}

// Another process locks the database for longer than SQLite waits. Follow reports that once, and once
// when the lock is released. Nothing is lost.
func TestFollowLocked(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "quire.db")
	w := newWriting(t, "sqlite:"+file, 3)
	p := w.follow(t)
	w.stored(t, 10)
	for range 2 {
		unlock := lockDatabase(t, file)
		p.says(t, `quire\.db: .*the database is locked by another program; [^\n]*; waiting until it is back\n`)
		unlock()
		p.says(t, `the store is back; nothing was lost\n`)
		p.forget()
	}
	p.interrupt(t, command.StatusOK)
	w.completes(t)
}

// Ctrl-C ends the waiting for a store that does not come back.
func TestFollowInterruptedWhileAway(t *testing.T) {
	for _, test := range []struct {
		name, source string
		status       int
	}{{"file", "run-0.jsonl", command.StatusInterrupted}, {"folder", ".", command.StatusOK}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "quire.db")
			w := newWriting(t, "sqlite:"+file, 2)
			p := startProcess(t, "follow", filepath.Join(w.folder, test.source), "--to", w.address, "--quiet")
			w.stored(t, 5)
			unlock := lockDatabase(t, file)
			p.says(t, "waiting until it is back")
			p.interrupt(t, test.status)
			unlock()
			w.completes(t)
		})
	}
}

func lockDatabase(t *testing.T, file string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_busy_timeout=60000")
	require.NoError(t, err)
	tx, err := db.Begin()
	require.NoError(t, err)
	return func() {
		assert.NoError(t, errors.Join(tx.Rollback(), db.Close()))
	}
}

// The server goes away, again and again, in the middle of whatever is under way,
// and comes back.
func TestFollowServerAway(t *testing.T) {
	address := services.PostgreSQL(t)
	server := newGateway(t, address)
	w := newWriting(t, server.address, 10)
	p := w.follow(t)
	w.stored(t, 10)
	for range 3 {
		server.goAway()
		p.says(t, `; waiting until it is back\n`)
		server.comeBack(t)
		p.says(t, `the store is back; nothing was lost\n`)
		p.forget()
	}
	terminateAll(t, address) // as a server that is restarted does, it says that it goes
	w.stored(t, w.written()+10)
	p.interrupt(t, command.StatusOK)
	w.completes(t)
}

// A server that goes away while the store is being opened was there: the address is
// right, and it is waited for.
func TestFollowServerAwayWhileOpening(t *testing.T) {
	for _, after := range []int{1_500, 4_000, 8_000} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			server := newGateway(t, services.PostgreSQL(t))
			w := newWriting(t, server.address, 2)
			server.goAwayAfter(after)
			p := w.follow(t)
			p.says(t, `; waiting until it is back\n`)
			time.Sleep(300 * time.Millisecond) // it is looked for meanwhile
			server.comeBack(t)
			w.stored(t, 10)
			p.interrupt(t, command.StatusOK)
			w.completes(t)
		})
	}
}

// Ctrl-C, too, when the server does not answer any more.
func TestFollowInterruptedWhileServerAway(t *testing.T) {
	server := newGateway(t, services.PostgreSQL(t))
	w := newWriting(t, server.address, 2)
	p := w.follow(t)
	w.stored(t, 5)
	server.goAway()
	p.says(t, `; waiting until it is back\n`)
	p.interrupt(t, command.StatusOK)
	server.comeBack(t)
	w.completes(t)
}

// And when the server is there, but does not answer.
func TestFollowInterruptedWhileServerIsSilent(t *testing.T) {
	t.Parallel() // most of it is waiting
	server := newGateway(t, services.PostgreSQL(t))
	w := newWriting(t, server.address, 2)
	p := w.follow(t)
	w.stored(t, 5)
	server.hush()
	time.Sleep(300 * time.Millisecond) // something is under way
	p.interrupt(t, command.StatusOK)
	server.goAway()
	server.comeBack(t)
	w.completes(t)
}
