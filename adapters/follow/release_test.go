package follow_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// screen is a view that keeps what it is shown, as lines.
type screen struct {
	mu       sync.Mutex
	shown    map[domain.RunID][]int64 // the offsets of the entries
	replayed map[domain.RunID]int     // since it was released
	wrong    []string
	released int
}

func newScreen() *screen {
	return &screen{shown: map[domain.RunID][]int64{}, replayed: map[domain.RunID]int{}}
}

func (s *screen) Take(run domain.RunID, entries []domain.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.replayed[run]; ok && n != len(s.shown[run]) {
		s.wrong = append(s.wrong, fmt.Sprintf("%s goes on after %d of %d entries", run, n, len(s.shown[run])))
	}
	delete(s.replayed, run)
	for i := range entries {
		s.shown[run] = append(s.shown[run], entries[i].Offset)
	}
}

func (s *screen) Restart(run domain.RunID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shown, run)
	delete(s.replayed, run)
}

func (s *screen) Release(run domain.RunID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released++
	s.replayed[run] = 0
}

func (s *screen) Replay(run domain.RunID, entries []domain.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range entries {
		n := s.replayed[run]
		if n >= len(s.shown[run]) || s.shown[run][n] != entries[i].Offset {
			s.wrong = append(s.wrong, fmt.Sprintf("%s: the entry at %d is shown again, and was not shown", run, entries[i].Offset))
		}
		s.replayed[run]++
	}
}

func (s *screen) offsets(run domain.RunID) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.shown[run])
}

// However often streams are released, resumed, grown and rewritten, each
// line is shown once, in order, and the rows are those of a read.
func TestReleaseLaw(t *testing.T) {
	file := filepath.Join(t.TempDir(), "quire.db")
	for name, open := range map[string]func(*rapid.T) store.Store{
		"no rows": func(*rapid.T) store.Store { return nil },
		"memory":  func(*rapid.T) store.Store { return memory.New() },
		"SQLite":  func(t *rapid.T) store.Store { return openSQLite(t, file) },
	} {
		t.Run(name, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { testRelease(t, open(t)) }) })
	}
}

func testRelease(t *rapid.T, db store.Store) {
	folder, err := os.MkdirTemp("", "follow-release-")
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	view := newScreen()
	options := follow.Options{View: view, Store: db}.WithQuietAfter(2 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := follow.Follow(ctx, folder, options)
		done <- err
	}()
	path := filepath.Join(folder, "run.jsonl")
	content := ""
	lines := rapid.SampledFrom([]string{started, finished, ended, "\n", `{"at_ms":4,"type":"sh_started","job_id":"a","cmd":"x"}` + "\n"})
	for range rapid.IntRange(1, 8).Draw(t, "steps") {
		more := strings.Join(rapid.SliceOfN(lines, 0, 3).Draw(t, "lines"), "")
		switch rapid.SampledFrom([]string{"append", "append", "append", "halves", "rewrite", "wait"}).Draw(t, "step") {
		case "append":
			content += more
			write(t, path, content, os.O_APPEND, more)
		case "halves":
			content += more
			half := len(more) / 2
			write(t, path, content, os.O_APPEND, more[:half])
			time.Sleep(5 * time.Millisecond)
			write(t, path, content, os.O_APPEND, more[half:])
		case "rewrite": // other lines of the same length
			content = strings.ReplaceAll(content, `"job_id":"a"`, `"job_id":"b"`) + more
			write(t, path, content, os.O_TRUNC, content)
		case "wait":
			view.await(t, content)
			time.Sleep(5 * time.Millisecond)
		}
	}
	view.await(t, content)
	if db != nil {
		sameRows(t, db, path, content)
	}
	cancel()
	if err := <-done; err != context.Canceled || len(view.wrong) > 0 {
		t.Fatalf("it ends with %v; %q", err, view.wrong)
	}
}

func write(t *rapid.T, path, content string, how int, text string) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o666)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString(text)
	require.NoError(t, err)
}

// await waits until the events of a stream are shown, each once.
func (s *screen) await(t *rapid.T, content string) {
	var want []int64
	at := int64(0)
	for line := range strings.Lines(content) {
		if line != "\n" {
			want = append(want, at)
		}
		at += int64(len(line))
	}
	for deadline := time.Now().Add(5 * time.Minute); !slices.Equal(s.offsets("run"), want); time.Sleep(time.Millisecond) {
		require.False(t, time.Now().After(deadline), "shown is %v\nwant     %v", s.offsets("run"), want)
	}
}

// sameRows waits until the rows are those of a read.
func sameRows(t *rapid.T, db store.Store, path, content string) {
	plain := memory.New()
	if _, err := os.Stat(path); err != nil || content == "" {
		return
	}
	if result, err := store.Ingest(t.Context(), plain, jsonl.Locate(path).Source(jsonl.Options{}), store.Options{}); err != nil || result.Err != nil {
		t.Fatal(err, result.Err)
	}
	want, err := store.ReadRecord(t.Context(), plain, "run")
	require.NoError(t, err)
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Millisecond) {
		have, err := store.ReadRecord(t.Context(), db, "run")
		if err == nil && reflect.DeepEqual(have, want) {
			return
		}
		require.False(t, time.Now().After(deadline), "the rows are %+v, %v\nwant %+v", have, err, want)
	}
}

// An idle run needs little memory, and continues when its stream grows.
func TestQuietRunsAreSmall(t *testing.T) {
	t.Run("no rows", func(t *testing.T) { testQuietRuns(t, nil) })
	t.Run("rows", func(t *testing.T) { testQuietRuns(t, openSQLite(t, filepath.Join(t.TempDir(), "quire.db"))) })
}

func testQuietRuns(t *testing.T, db store.Store) {
	const runs, limit = 1500, 3000 // bytes for each
	folder := t.TempDir()
	for i := range runs {
		add(t, filepath.Join(folder, fmt.Sprintf("run-%d.jsonl", i)), started)
	}
	before := heap()
	view := &counting{shown: map[domain.RunID]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := follow.Follow(ctx, folder, follow.Options{View: view, Store: db}.WithQuietAfter(time.Millisecond))
		done <- err
	}()
	eventually(t, "all are let go of", func() bool { return view.count() == runs })
	// The last ones may be on their way out still.
	eventually(t, fmt.Sprintf("each quiet run takes at most %d bytes", limit), func() bool { return int64(heap()-before)/runs <= limit })
	add(t, filepath.Join(folder, "run-7.jsonl"), finished)
	eventually(t, "one goes on", func() bool { return view.lines("run-7") == 2 })
	cancel()
	if err := <-done; err != context.Canceled {
		t.Error(err)
	}
}

func openSQLite(t interface {
	rapid.TB
	Context() context.Context
	Cleanup(func())
}, file string) store.Store {
	db, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools have kept goes in the second one
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}

// counting is a view that counts.
type counting struct {
	mu       sync.Mutex
	shown    map[domain.RunID]int
	released int
}

func (c *counting) Take(run domain.RunID, entries []domain.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown[run] += len(entries)
}

func (c *counting) Restart(domain.RunID)                {}
func (c *counting) Replay(domain.RunID, []domain.Entry) {}
func (c *counting) Release(domain.RunID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released++
}

func (c *counting) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.released
}

func (c *counting) lines(run domain.RunID) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown[run]
}

func (*screen) Trouble(domain.RunID, string) {}

func (*screen) Waiting(domain.RunID, string) {}

func (*counting) Trouble(domain.RunID, string) {}

func (*counting) Waiting(domain.RunID, string) {}
