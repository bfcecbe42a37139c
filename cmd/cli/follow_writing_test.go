package cli

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

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
		_, err := file.WriteString(text)
		assert.NoError(t, err)
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

// stored waits until the store has the given number of events.
func (w *writing) stored(t *testing.T, events int) {
	t.Helper()
	var got sql.NullInt64
	waitUntil(t, func() bool {
		if file, ok := strings.CutPrefix(w.address, "sqlite:"); ok && !hasTables(file) {
			return false
		}
		db, err := w.open()
		require.NoError(t, err)
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
	require.NoError(t, err)
	w.stored(t, w.written()+len(files))
	p.interrupt(t, command.StatusOK)
	p = startProcess(t, "verify", w.folder, "--to", w.address)
	if status := p.wait(t); status != command.StatusOK {
		t.Errorf("verify ends with %d: %s", status, &p.said)
	}
	db, err := w.open()
	require.NoError(t, err)
	defer db.Close()
	for _, table := range []string{"parked_segments", "quarantined_runs"} {
		var rows int
		if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&rows); err != nil || rows > 0 {
			t.Errorf("%s has %d rows, %v", table, rows, err)
		}
	}
}
