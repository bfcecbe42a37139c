package follow

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

const keptLine = `{"at_ms":1,"type":"run_finished","outcome":"succeeded"}` + "\n"

// Segments of a run that were parked before it is followed, whatever their stream, are dropped once
// the run's rows are up to date with the stream.
func TestForgetsWhatIsHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	put(t, path, keptLine)
	s := memory.New()
	for range 2 {
		if summary, err := Follow(t.Context(), path, Options{Store: s}); err != nil || summary.Complete != 1 {
			t.Fatalf("it ends with %+v, %v", summary, err)
		}
		if waiting, err := s.Waiting(t.Context(), "run"); err != nil || len(waiting) != 0 {
			t.Errorf("%d runs wait, %v", len(waiting), err)
		}
		hold(t, s, domain.Segment{Run: "run", Offset: 10_000, Data: []byte(keptLine), SHA256: sha256.Sum256(nil)})
		if waiting, err := s.Waiting(t.Context(), "run"); err != nil || len(waiting) != 1 {
			t.Fatalf("%d runs wait, %v", len(waiting), err)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
}

// hold has a segment wait for what comes before it.
func hold(t *testing.T, s store.Store, segment domain.Segment) {
	t.Helper()
	p := store.NewProjector(s, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{})
	require.NoError(t, errors.Join(p.Apply(t.Context(), segment), p.Close(t.Context())))
}

// counted counts the segments that a sink gets.
type counted struct {
	Sink
	writes int
	begun  func()
}

func (c *counted) Begin(ctx context.Context, source jsonl.Location) (Known, error) {
	known, err := c.Sink.Begin(ctx, source)
	if c.begun != nil {
		c.begun()
	}
	c.begun = nil
	return known, err
}

func (c *counted) Write(ctx context.Context, source jsonl.Location, segment domain.Segment, entries []domain.Entry) error {
	c.writes++
	return c.Sink.Write(ctx, source, segment, entries)
}

// ended follows a stream whose writer is gone, and does something once its run has begun.
func ended(t *testing.T, db store.Store, path string, begun func()) (*counted, Summary) {
	t.Helper()
	gone := make(chan struct{})
	close(gone)
	options := Options{Store: db, WriterGone: gone}.withDefaults()
	sink := &counted{newRows(t.Context(), options), 0, begun}
	summary, err := Follow(t.Context(), path, Options{Sink: sink, WriterGone: gone})
	require.NoError(t, err)
	return sink, summary
}

// Lines whose rows are there already are not written again.
func TestWritesOnlyWhatIsMissing(t *testing.T) {
	path, db := filepath.Join(t.TempDir(), "run.jsonl"), memory.New()
	put(t, path, keptLine)
	for _, want := range []int{1, 0} {
		if sink, summary := ended(t, db, path, nil); sink.writes != want || summary.Complete != 1 {
			t.Errorf("%d segments are written, not %d: %+v", sink.writes, want, summary)
		}
	}
	put(t, path, keptLine+keptLine)
	if sink, summary := ended(t, db, path, nil); sink.writes != 1 || summary.Complete != 1 {
		t.Errorf("of one more line, %d segments are written: %+v", sink.writes, summary)
	}
}

// A stream that is replaced, or rewritten in place, when its run has begun and before it is read,
// has the rows of the new stream, however much of that there is.
func TestReplacedAtTheStart(t *testing.T) {
	first := strings.Repeat(`{"at_ms":1,"type":"job_started","job_id":"first"}`+"\n", 4)
	second := strings.Repeat(`{"at_ms":1,"type":"job_started","job_id":"other"}`+"\n", 8)
	for _, first := range []string{first, keptLine} {
		for _, length := range []int{0, 5, len(first) / 2, len(first), len(first) + 5, len(second)} {
			for _, inPlace := range []bool{false, true} {
				t.Run(fmt.Sprint(len(first), " by ", length, " in place ", inPlace), func(t *testing.T) {
					testReplaced(t, first, second[:length], inPlace)
				})
			}
		}
	}
}

func testReplaced(t *testing.T, first, second string, inPlace bool) {
	path, db, want := filepath.Join(t.TempDir(), "run.jsonl"), memory.New(), memory.New()
	recording := jsonl.Locate(path).Source(jsonl.Options{})
	put(t, path, first)
	if _, err := store.Ingest(t.Context(), db, recording, store.Options{}); err != nil {
		t.Fatal(err)
	}
	_, summary := ended(t, db, path, func() {
		if inPlace {
			put(t, path, second)
			return
		}
		put(t, path+".new", second)
		require.NoError(t, os.Rename(path+".new", path))
	})
	assert.Empty(t, summary.Skipped, "skipped")
	if waiting, err := db.Waiting(t.Context()); err != nil || len(waiting) > 0 {
		t.Errorf("of the other stream, something waits: %v, %v", waiting, err)
	}
	if _, err := store.Ingest(t.Context(), want, recording, store.Options{}); err != nil {
		t.Fatal(err)
	}
	got, err := store.ReadRecord(t.Context(), db, "run")
	expected, wantErr := store.ReadRecord(t.Context(), want, "run")
	if err != nil || wantErr != nil || !reflect.DeepEqual(got, expected) {
		t.Errorf("the rows are %+v, %v\nwant %+v, %v", got, err, expected, wantErr)
	}
}
