package follow_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Lines that are too long are skipped where malformed ones are, wherever they stand and
// however they are written: the rows are those of the stream.
func TestSkipsLongLines(t *testing.T) {
	long := strings.Repeat("long ", 30_000) + "\n"
	few := strings.Repeat("x", 1001) + "\n" // more than may be
	for name, stream := range map[string]string{
		"first":        long + started + finished + ended,
		"between":      started + few + long + long + finished + ended,
		"last":         started + long,
		"behind":       started + ended + long + started + long,
		"with returns": started + strings.Repeat("x", 1000) + "\r\n" + strings.Repeat("x", 1001) + "\r\n" + finished,
		"torn":         started + long + ended + strings.TrimSuffix(long, "\n"),
		"torn, open":   started + long + strings.TrimSuffix(long, "\n"),
	} {
		for _, pieces := range []int{1, 2, 7, 40} {
			t.Run(fmt.Sprintf("%s in %d", name, pieces), func(t *testing.T) {
				t.Parallel()
				testSkipsLongLines(t, stream, pieces)
			})
		}
	}
}

func testSkipsLongLines(t *testing.T, stream string, pieces int) {
	folder := t.TempDir()
	path := filepath.Join(folder, "run.jsonl")
	s, db := newSeen(), memory.New()
	options := s.options(db)
	options.Streams = jsonl.Options{MaxLine: 1000, OnMalformed: jsonl.Skip}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan follow.Summary, 1)
	go func() {
		summary, _ := follow.Follow(ctx, folder, options)
		done <- summary
	}()
	for i := range pieces {
		add(t, path, stream[len(stream)*i/pieces:len(stream)*(i+1)/pieces])
		time.Sleep(2 * time.Millisecond)
	}
	whole := strings.LastIndexByte(stream, '\n') + 1
	eventually(t, "all whole lines are stored", func() bool {
		at, err := db.Checkpoints(t.Context(), []domain.RunID{"run"})
		return err == nil && at["run"].Mark.Bytes >= int64(whole)
	})
	eventually(t, "what is an event is shown", func() bool { return s.lines("run") >= int64(strings.Count(stream, "at_ms")) })
	cancel()
	if summary := <-done; len(summary.Skipped) > 0 || len(s.told) > 0 {
		t.Errorf("skipped are %v; told is %q", summary.Skipped, s.told)
	}
	if got, want := recordOf(t, db), ingested(t, path, options.Streams); !reflect.DeepEqual(got, want) {
		t.Errorf("the rows are %+v\nwant %+v", got, want)
	}
}

func recordOf(t *testing.T, db store.Store) *projections.Record {
	t.Helper()
	record, err := store.ReadRecord(t.Context(), db, "run")
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// ingested returns the rows that a whole file has.
func ingested(t *testing.T, path string, options jsonl.Options) *projections.Record {
	t.Helper()
	db := memory.New()
	if result, err := store.Ingest(t.Context(), db, jsonl.Locate(path).Source(options), store.Options{}); err != nil || result.Err != nil {
		t.Fatal(err, result.Err)
	}
	return recordOf(t, db)
}
