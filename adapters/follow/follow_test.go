package follow_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

const (
	started  = `{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n"
	finished = `{"at_ms":2,"type":"job_finished","job_id":"a","outcome":"failed"}` + "\n"
	ended    = `{"at_ms":3,"type":"run_finished","outcome":"pipeline_failure"}` + "\n"
)

// seen is a view and a report that record their calls.
type seen struct {
	*screen
	lock sync.Mutex
	told []string
}

func newSeen() *seen { return &seen{screen: newScreen()} }

func (s *seen) note(format string, values ...any) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.told = append(s.told, fmt.Sprintf(format, values...))
}

func (s *seen) Waiting(run domain.RunID, message string) { s.note("%s waits: %s", run, message) }

func (s *seen) Restart(run domain.RunID) {
	s.screen.Restart(run)
	s.note("restart %s", run)
}

func (s *seen) options(db store.Store) follow.Options {
	return follow.Options{
		Store: db, View: s,
		Retry: &follow.Retry{Away: func(err error) { s.note("away: %v", err) }, Back: func() { s.note("back") }},
		Report: follow.Report{
			Skipped:   func(run domain.RunID, err error) { s.note("skipped %s: %v", run, err) },
			Rewritten: func(result store.Result) { s.note("rewritten %s", result.RunID) },
		},
	}
}

func (s *seen) has(words string) bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	return slices.ContainsFunc(s.told, func(told string) bool { return strings.Contains(told, words) })
}

func add(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Error(err)
	}
}

// eventually waits for something, also on another goroutine than the test's.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("it never happens: %s", what)
			return
		}
	}
}

// A single stream is followed from before it is there to its end, with rows that are
// open meanwhile.
func TestStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	s, db := newSeen(), memory.New()
	go func() {
		add(t, path, started)
		eventually(t, "the open row", func() bool {
			jobs, err := store.Read(t.Context(), db, projections.Jobs, "run")
			return err == nil && len(jobs) == 1 && !jobs[0].FinishedAtMs.Valid
		})
		add(t, path, finished+ended)
	}()
	summary, err := follow.Follow(t.Context(), path, s.options(db))
	if err != nil || !reflect.DeepEqual(summary, follow.Summary{Failed: 1}) {
		t.Errorf("it ends with %+v, %v", summary, err)
	}
	if run, err := store.ReadRun(t.Context(), db, "run"); err != nil || !run.Ended || run.Events != 3 {
		t.Errorf("the row is %+v, %v", run, err)
	}
	if s.lines("run") != 3 || len(s.told) > 0 {
		t.Errorf("the view has %d lines; %q", s.lines("run"), s.told)
	}
}

// In a folder, a stream that cannot be read is skipped, and read when it has been
// mended; the end of the context ends all.
func TestFolder(t *testing.T) {
	folder := t.TempDir()
	s, db := newSeen(), memory.New()
	ctx, cancel := context.WithCancel(t.Context())
	add(t, filepath.Join(folder, "bad.jsonl"), "{\n")
	go func() {
		defer cancel()
		eventually(t, "bad is skipped", func() bool { return s.has("skipped bad: ") })
		add(t, filepath.Join(folder, "good.jsonl"), started)
		eventually(t, "good is stored", func() bool { return stored(t, db, "good", 1) })
		mended := filepath.Join(folder, "mended")
		add(t, mended, started+finished)
		if err := os.Rename(mended, filepath.Join(folder, "bad.jsonl")); err != nil {
			t.Error(err)
		}
		eventually(t, "bad is stored", func() bool { return stored(t, db, "bad", 2) })
	}()
	summary, err := follow.Follow(ctx, folder, s.options(db))
	if !errors.Is(err, context.Canceled) || !reflect.DeepEqual(summary, follow.Summary{Failed: 1, Active: 1}) {
		t.Errorf("it ends with %+v, %v", summary, err)
	}
}

func stored(t *testing.T, db store.Store, run domain.RunID, events int64) bool {
	row, err := store.ReadRun(t.Context(), db, run)
	return err == nil && row.Events == events
}

// away is a store that cannot be reached for a while.
type away struct {
	store.Store
	mu    sync.Mutex
	tries int // that are still to fail
}

func (a *away) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tries--; a.tries >= 0 {
		return nil, fmt.Errorf("no way: %w", store.ErrAway)
	}
	return a.Store.Checkpoints(ctx, runs)
}

// Follow waits for a store that is unavailable, and reports the wait once. A store that has failed
// ends following.
func TestStoreIsAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	add(t, path, started+ended)
	s, db := newSeen(), &away{Store: memory.New(), tries: 3}
	if summary, err := follow.Follow(t.Context(), path, s.options(db)); err != nil || summary.Failed != 1 {
		t.Errorf("it ends with %+v, %v", summary, err)
	}
	want := []string{"away: no way: the database is away", "run waits: waiting for the store: no way: the database is away"}
	want = append(want, want[1], want[1], "back", "run waits: ")
	if !slices.Equal(s.told, want) {
		t.Errorf("the report is %q", s.told)
	}
	if !stored(t, db, "run", 2) {
		t.Error("it is not stored")
	}
}

// Follow ends with an error that waiting cannot resolve.
func TestStoreFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	add(t, path, started)
	broken := errors.New("broken")
	if _, err := follow.Follow(t.Context(), path, follow.Options{Store: &failing{memory.New(), broken}}); !errors.Is(err, broken) {
		t.Errorf("it ends with %v", err)
	}
}

type failing struct {
	store.Store
	err error
}

func (f *failing) Checkpoints(context.Context, []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return nil, f.err
}

// lettingGo is a store whose owner removes the stream of a run as soon as its rows say
// that it has ended.
type lettingGo struct {
	store.Store
	path string
}

func (l *lettingGo) Update(ctx context.Context, do func(store.Tx) error) error {
	err := l.Store.Update(ctx, do)
	if row, failed := store.ReadRun(ctx, l.Store, "run"); failed == nil && row.Ended {
		_ = os.Remove(l.path)
	}
	return err
}

// A stream may go once its rows are there.
func TestStreamIsLetGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	s, db := newSeen(), &lettingGo{memory.New(), path}
	go func() {
		for _, line := range []string{started, finished, ended} {
			add(t, path, line)
			time.Sleep(20 * time.Millisecond)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	summary, err := follow.Follow(ctx, path, s.options(db))
	if err != nil || !reflect.DeepEqual(summary, follow.Summary{Failed: 1}) {
		t.Errorf("it ends with %+v, %v; %q", summary, err, s.told)
	}
	if !stored(t, db, "run", 3) {
		t.Error("it is not stored")
	}
}

// Where a stream was moved, and another one is written in its old place, its run stays
// its own, and the other one is skipped.
func TestMovedStream(t *testing.T) {
	folder := t.TempDir()
	old, moved := filepath.Join(folder, "a", "run.jsonl"), filepath.Join(folder, "b", "run.jsonl")
	if err := errors.Join(os.Mkdir(filepath.Dir(old), 0o777), os.Mkdir(filepath.Dir(moved), 0o777)); err != nil {
		t.Fatal(err)
	}
	add(t, old, started)
	s, db := newSeen(), memory.New()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan follow.Summary, 1)
	go func() {
		summary, _ := follow.Follow(ctx, folder, s.options(db))
		done <- summary
	}()
	eventually(t, "it is stored", func() bool { return stored(t, db, "run", 1) })
	eventually(t, "it is shown", func() bool { return s.lines("run") == 1 })
	times := s.times("run")
	if err := os.Rename(old, moved); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the moved one is read", func() bool { return s.times("run") > times })
	add(t, old, strings.Repeat(started, 3))
	eventually(t, "the other one is skipped", func() bool { return s.has("skipped : ") })
	add(t, moved, finished)
	eventually(t, "the moved one goes on", func() bool { return stored(t, db, "run", 2) })
	cancel()
	if summary := <-done; len(summary.Skipped) != 1 {
		t.Errorf("skipped are %v", summary.Skipped)
	}
}
