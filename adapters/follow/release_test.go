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
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// screen is a view that puts together the rows that it is shown. If a run comes back after a release,
// its rows have to come again.
type screen struct {
	mu       sync.Mutex
	runs     map[domain.RunID]*projections.Record
	events   map[domain.RunID]int64
	released map[domain.RunID]bool
	shows    map[domain.RunID]int // calls of Show
	releases int
	small    bool // forget the rows of released runs
}

func newScreen() *screen {
	return &screen{runs: map[domain.RunID]*projections.Record{}, events: map[domain.RunID]int64{}, released: map[domain.RunID]bool{}, shows: map[domain.RunID]int{}}
}

func (s *screen) Show(run domain.RunID, whole bool, each func(func(*projections.Definition, projections.AnyRow))) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[run] == nil || s.released[run] || whole {
		s.runs[run], _ = projections.NewRecord(run)
		delete(s.released, run)
	}
	each(func(of *projections.Definition, row projections.AnyRow) { s.runs[run].Take(of, row) })
	s.shows[run]++
	s.events[run] = s.runs[run].Run.Events
}

func (s *screen) Restart(run domain.RunID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runs, run)
}

func (s *screen) Release(run domain.RunID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released[run] = true
	s.releases++
	if s.small {
		delete(s.runs, run)
	}
}

func (s *screen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.releases
}

// times returns how often the run was shown.
func (s *screen) times(run domain.RunID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shows[run]
}

func (s *screen) Trouble(domain.RunID, string) {}
func (s *screen) Waiting(domain.RunID, string) {}

// lines returns the number of events that the run's row counts.
func (s *screen) lines(run domain.RunID) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[run]
}

// displays reports whether the view has the rows of a record that views are shown.
func (s *screen) displays(want *projections.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.runs[want.Run.RunID]
	return got != nil && got.Run == want.Run && got.Timings.Run == want.Timings.Run && slices.Equal(got.Jobs, want.Jobs) && slices.Equal(got.ShEvents, want.ShEvents)
}

// Streams are released, grow and are rewritten, and another program writes their rows: the view always
// shows the rows of the whole stream, and the store has them.
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
		switch rapid.SampledFrom([]string{"append", "append", "append", "halves", "rewrite", "ingest", "wait"}).Draw(t, "step") {
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
		case "ingest": // another program writes the rows
			if _, err := os.Stat(path); db != nil && err == nil {
				_, err := store.Ingest(t.Context(), db, jsonl.Locate(path).Source(jsonl.Options{}), store.Options{})
				require.NoError(t, err)
			}
		case "wait":
			view.await(t, content)
			time.Sleep(5 * time.Millisecond)
		}
	}
	view.await(t, content)
	if db != nil {
		sameRows(t, db, content)
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func write(t *rapid.T, path, content string, how int, text string) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o666)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString(text)
	require.NoError(t, err)
}

// folded returns the record of the whole lines of a stream.
func folded(t *rapid.T, content string) *projections.Record {
	record, fold := projections.NewRecord("run")
	reader := jsonl.NewReader(strings.NewReader(content), jsonl.Options{})
	require.NoError(t, fold.Drain(reader))
	fold.Open()
	return record
}

// await waits until the view shows the rows of a stream.
func (s *screen) await(t *rapid.T, content string) {
	if content == "" {
		return // a stream without lines need not be shown
	}
	want := folded(t, content)
	for deadline := time.Now().Add(5 * time.Minute); !s.displays(want); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Fatalf("shown is %+v\nwant     %+v", s.runs["run"], want)
		}
	}
}

// sameRows waits until the rows are those of a read.
func sameRows(t *rapid.T, db store.Store, content string) {
	if content == "" {
		return
	}
	want := folded(t, content)
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
	view := newScreen()
	view.small = true
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
