package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/storetest/services"
)

// kill -9 at any moment, while runs grow: the same command again goes on, and
// nothing is missing in the end.
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

// Somebody locks the database for longer than SQLite waits. That is told once,
// and once that it is over; nothing is lost.
func TestFollowLocked(t *testing.T) {
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
	p.interrupt(t, statusOK)
	w.completes(t)
}

// Ctrl-C ends the waiting for a store at once.
func TestFollowInterruptedWhileAway(t *testing.T) {
	for _, test := range []struct {
		name, source string
		status       int
	}{{"file", "run-0.jsonl", statusInterrupted}, {"folder", ".", statusOK}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "quire.db")
			w := newWriting(t, "sqlite:"+file, 2)
			p := startProcess(t, "follow", filepath.Join(w.folder, test.source), "--to", w.address, "--quiet")
			w.stored(t, 5)
			unlock := lockDatabase(t, file)
			p.says(t, "waiting until it is back")
			began := time.Now()
			p.interrupt(t, test.status)
			if took := time.Since(began); took > closing {
				t.Errorf("it has ended after %v", took)
			}
			unlock()
			w.completes(t)
		})
	}
}

func lockDatabase(t *testing.T, file string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_busy_timeout=60000")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
			t.Error(err)
		}
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
	p.interrupt(t, statusOK)
	w.completes(t)
}

// Ctrl-C, too, when the server does not answer any more.
func TestFollowInterruptedWhileServerAway(t *testing.T) {
	server := newGateway(t, services.PostgreSQL(t))
	w := newWriting(t, server.address, 2)
	p := w.follow(t)
	w.stored(t, 5)
	server.goAway()
	p.says(t, `; waiting until it is back\n`)
	p.interrupt(t, statusOK)
	server.comeBack(t)
	w.completes(t)
}

// terminateAll ends the connections of all others to a database.
func terminateAll(t *testing.T, address string) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
}

// gateway is the way to a server, which can be cut.
type gateway struct {
	address string // of the database, by this way
	server  string
	port    string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
}

func newGateway(t *testing.T, address string) *gateway {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{server: u.Host, port: "127.0.0.1:0", conns: map[net.Conn]bool{}}
	g.comeBack(t)
	t.Cleanup(g.goAway)
	u.Host = g.port
	g.address = u.String()
	return g
}

func (g *gateway) goAway() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener.Close()
	for conn := range g.conns {
		conn.Close()
	}
	clear(g.conns)
}

func (g *gateway) comeBack(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", g.port)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener, g.port = listener, listener.Addr().String()
	go g.serve(listener)
}

func (g *gateway) serve(listener net.Listener) {
	for {
		here, err := listener.Accept()
		if err != nil {
			return
		}
		there, err := net.Dial("tcp", g.server)
		if err != nil {
			here.Close()
			continue
		}
		g.mu.Lock()
		g.conns[here], g.conns[there] = true, true
		g.mu.Unlock()
		for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				here.Close()
				there.Close()
			}()
		}
	}
}

// writing are runs that are written all the time, a line every some milliseconds
// each, sometimes in two parts.
type writing struct {
	folder, address string
	mu              sync.Mutex
	events          int
	stop            chan struct{}
	writers         sync.WaitGroup
}

func newWriting(t *testing.T, address string, runs int) *writing {
	t.Helper()
	w := &writing{folder: t.TempDir(), address: address, stop: make(chan struct{})}
	for i := range runs {
		w.writers.Go(func() {
			w.write(t, filepath.Join(w.folder, fmt.Sprintf("run-%d.jsonl", i)), rand.New(rand.NewPCG(uint64(i), 0)))
		})
	}
	t.Cleanup(w.end)
	return w
}

func (w *writing) write(t *testing.T, path string, rnd *rand.Rand) {
	file, err := os.Create(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	put := func(text string) {
		if _, err := file.WriteString(text); err != nil {
			t.Error(err)
		}
	}
	for n := 0; ; n++ {
		select {
		case <-w.stop:
			put(`{"at_ms":1,"type":"run_finished","outcome":"succeeded"}` + "\n")
			return
		case <-time.After(time.Duration(rnd.Int64N(int64(40 * time.Millisecond)))):
		}
		line := fmt.Sprintf(`{"at_ms":%d,"type":"sh_started","job_id":"job-%d","cmd":"true"}`+"\n", n, n/8)
		if n%2 == 1 {
			line = fmt.Sprintf(`{"at_ms":%d,"type":"sh_finished","job_id":"job-%d","exit_code":0}`+"\n", n, n/8)
		}
		cut := rnd.IntN(len(line))
		put(line[:cut])
		put(line[cut:])
		w.mu.Lock()
		w.events++
		w.mu.Unlock()
	}
}

func (w *writing) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events
}

// end has the runs end.
func (w *writing) end() {
	w.mu.Lock()
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.mu.Unlock()
	w.writers.Wait()
}

// stored waits until so many events are in the store.
func (w *writing) stored(t *testing.T, events int) {
	t.Helper()
	var got sql.NullInt64
	waitUntil(t, func() bool {
		if file, ok := strings.CutPrefix(w.address, "sqlite:"); ok && !hasTables(file) {
			return false
		}
		db, err := w.open()
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return db.QueryRow("SELECT sum(events) FROM runs").Scan(&got) == nil && got.Int64 >= int64(events)
	}, func() string { return fmt.Sprintf("%d events are stored, want %d", got.Int64, events) })
}

func (w *writing) open() (*sql.DB, error) {
	if file, ok := strings.CutPrefix(w.address, "sqlite:"); ok {
		return sql.Open("sqlite", file)
	}
	return sql.Open("pgx", w.address)
}

func (w *writing) follow(t *testing.T) *process {
	t.Helper()
	return startProcess(t, "follow", w.folder, "--to", w.address, "--quiet")
}

// completes has the runs end, follows them once more, and expects that nothing is
// missing then.
func (w *writing) completes(t *testing.T) {
	t.Helper()
	p := w.follow(t)
	w.end()
	files, err := filepath.Glob(filepath.Join(w.folder, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	w.stored(t, w.written()+len(files))
	p.interrupt(t, statusOK)
	p = startProcess(t, "verify", w.folder, "--to", w.address)
	if status := p.wait(t); status != statusOK {
		t.Errorf("verify ends with %d: %s", status, &p.said)
	}
	db, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, table := range []string{"held_segments", "quarantined_runs"} {
		var rows int
		if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&rows); err != nil || rows > 0 {
			t.Errorf("%s has %d rows, %v", table, rows, err)
		}
	}
}

// process is the program while it runs.
type process struct {
	cmd   *exec.Cmd
	said  written
	ended chan struct{}
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command("quire-project", args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// says waits until the program says something, once.
func (p *process) says(t *testing.T, pattern string) {
	t.Helper()
	want := regexp.MustCompile(pattern)
	waitUntil(t, func() bool { return want.MatchString(p.said.String()) }, func() string {
		return fmt.Sprintf("it does not say %q: %s", pattern, &p.said)
	})
	if n := len(want.FindAllString(p.said.String(), -1)); n != 1 {
		t.Errorf("it says %q %d times: %s", pattern, n, &p.said)
	}
}

func (p *process) forget() {
	p.said.mu.Lock()
	defer p.said.mu.Unlock()
	p.said.text = bytes.Buffer{}
}

// interrupt is Ctrl-C, which ends the program with a status.
func (p *process) interrupt(t *testing.T, want int) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := p.wait(t); status != want {
		t.Errorf("interrupted, it ends with %d, want %d: %s", status, want, &p.said)
	}
}

func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("it does not end: %s", &p.said)
	}
	return p.cmd.ProcessState.ExitCode()
}

func waitUntil(t *testing.T, is func() bool, what func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what())
		}
	}
}
