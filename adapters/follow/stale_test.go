package follow

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

const startedLine = `{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n"

// A stream that was rewritten before it is followed is noticed soon, also if half a line stands where
// the rows end.
func TestRewrittenToHalfALine(t *testing.T) {
	path, db := filepath.Join(t.TempDir(), "run.jsonl"), memory.New()
	put(t, path, startedLine+startedLine)
	if _, err := store.Ingest(t.Context(), db, jsonl.Locate(path).Source(jsonl.Options{}), store.Options{}); err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(startedLine, `"a"`, `"b"`, 1)
	put(t, path, other+strings.Repeat(" ", len(startedLine)+1)) // a second line that has not ended
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rewritten := make(chan store.Result, 1)
	options := Options{Store: db, Report: Report{Rewritten: func(r store.Result) { rewritten <- r }}}.WithQuietAfter(time.Hour)
	done := make(chan error, 1)
	go func() { _, err := Follow(ctx, path, options); done <- err }()
	select {
	case <-rewritten:
	case <-time.After(5 * time.Minute):
		t.Error("nobody notices")
	}
	cancel()
	<-done
}

// A run whose file has no whole line has its row soon, and not only when the stream is released.
func TestRowOfARunWithoutLines(t *testing.T) {
	for _, content := range []string{"", startedLine[:5]} {
		path, db := filepath.Join(t.TempDir(), "run.jsonl"), memory.New()
		put(t, path, content)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { _, err := Follow(ctx, path, Options{Store: db}.WithQuietAfter(time.Hour)); done <- err }()
		for end := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Millisecond) {
			if _, err := store.ReadRun(t.Context(), db, "run"); err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("of %q, there is no row", content)
			}
		}
		cancel()
		<-done
	}
}

// vanishing is a sink whose streams are removed while they are derived, and come back.
type vanishing struct {
	Sink
	path, content string
	times         int
}

func (v *vanishing) Begin(ctx context.Context, source jsonl.Location) (Known, error) {
	known, err := v.Sink.Begin(ctx, source)
	known.Other = true
	return known, err
}

func (v *vanishing) Derive(ctx context.Context, source jsonl.Location, reason error) (Known, error) {
	if v.times++; v.times > 1 {
		return v.Sink.Derive(ctx, source, reason)
	}
	err := os.Remove(v.path)
	known, failed := v.Sink.Derive(ctx, source, reason)
	if err = errors.Join(err, os.WriteFile(v.path, []byte(v.content), 0o666)); err != nil {
		return known, err
	}
	return known, failed
}

// A stream that is not there while its rows are derived is waited for: another one is about to come.
func TestGoneWhileItIsDerived(t *testing.T) {
	path, db := filepath.Join(t.TempDir(), "run.jsonl"), memory.New()
	put(t, path, keptLine)
	sink := &vanishing{newRows(t.Context(), Options{Store: db}.withDefaults()), path, keptLine, 0}
	summary, err := Follow(t.Context(), path, Options{Sink: sink})
	if err != nil || summary.Complete != 1 || len(summary.Skipped) > 0 {
		t.Errorf("it ends with %+v, %v", summary, err)
	}
}

// A malformed line is named by its number though the lines before it are not the ones of the store.
func TestMalformedWhereTheRowsEnd(t *testing.T) {
	path, db := filepath.Join(t.TempDir(), "run.jsonl"), memory.New()
	put(t, path, strings.Repeat("\n", 100)+startedLine)
	if _, err := store.Ingest(t.Context(), db, jsonl.Locate(path).Source(jsonl.Options{}), store.Options{}); err != nil {
		t.Fatal(err)
	}
	put(t, path, startedLine+strings.Repeat("{", 200)+"\n")
	gone := make(chan struct{})
	close(gone)
	summary, err := Follow(t.Context(), path, Options{Store: db, WriterGone: gone})
	var malformed *jsonl.MalformedError
	if err != nil || len(summary.Skipped) != 1 || !errors.As(summary.Skipped[0], &malformed) || malformed.Line != 2 {
		t.Errorf("it ends with %+v, %v", summary, err)
	}
}

// endless is a pipe whose writer never stops.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "{\n"), nil }

// Read stops reading a pipe when its stream cannot be continued.
func TestPipeIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		if summary, err := Read(t.Context(), endless{}, jsonl.Location{Path: jsonl.Stdin, Run: "run"}, Options{}); err != nil || len(summary.Skipped) != 1 {
			t.Fatalf("it ends with %+v, %v", summary, err)
		}
	}
	for deadline := time.Now().Add(5 * time.Minute); runtime.NumGoroutine() > before+2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines were %d", runtime.NumGoroutine(), before)
		}
	}
}

// A pipe that is interrupted keeps its rows, whatever there is in a file that is called as standard
// input is.
func TestFileCalledAsStandardInput(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, jsonl.Stdin, strings.Repeat(keptLine, 9))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	defer w.Close()
	db := memory.New()
	stored := func() int64 {
		at, err := db.Checkpoints(t.Context(), []domain.RunID{"run"})
		if err != nil {
			t.Error(err)
		}
		return at["run"].Mark.Bytes
	}
	go func() {
		defer cancel()
		_, _ = io.WriteString(w, startedLine)
		for end := time.Now().Add(5 * time.Minute); stored() == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
	}()
	_, err := Read(ctx, r, jsonl.Location{Path: jsonl.Stdin, Run: "run"}, Options{Store: db})
	if got := stored(); !errors.Is(err, context.Canceled) || got != int64(len(startedLine)) {
		t.Errorf("it ends with %v; the rows are of %d bytes", err, got)
	}
}
