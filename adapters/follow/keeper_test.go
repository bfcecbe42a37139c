package follow

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

const keptLine = `{"at_ms":1,"type":"run_finished","outcome":"succeeded"}` + "\n"

// What was held of a run before it is followed, of whichever stream that was, does
// not wait any more when its rows have been brought up to the stream.
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
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// hold has a segment wait for what comes before it.
func hold(t *testing.T, s store.Store, segment domain.Segment) {
	t.Helper()
	p := store.NewProjector(s, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{})
	if err := errors.Join(p.Apply(t.Context(), segment), p.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// Lines whose rows are there already are not sent to the projector: it is closed
// here, and refuses what it gets.
func TestSendsOnlyWhatIsMissing(t *testing.T) {
	f := newFollower(t.Context(), Options{Store: memory.New()})
	if err := f.keeper.close(); err != nil {
		t.Fatal(err)
	}
	one := &followed{follower: f, ctx: t.Context(), source: jsonl.Locate("run.jsonl"), kept: domain.Mark{Bytes: int64(len(keptLine)), SHA256: sha256.Sum256([]byte(keptLine))}}
	if err := one.keep(0, []byte(keptLine)); err != nil {
		t.Errorf("what is kept is sent: %v", err)
	}
	if err := one.keep(one.kept.Bytes, []byte(keptLine)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("what is missing is not sent: %v", err)
	}
}

// A stream that is replaced after its rows were brought up to it, and before it is
// read on, is found out however much of the other one is there.
func TestReplacedAtTheStart(t *testing.T) {
	first := strings.Repeat(`{"at_ms":1,"type":"job_started","job_id":"first"}`+"\n", 4)
	second := strings.Repeat(`{"at_ms":1,"type":"job_started","job_id":"other"}`+"\n", 8)
	for _, test := range []struct {
		first  string
		length int
	}{
		{first, 0}, {first, 5}, {first, len(first) / 2}, {first, len(first)}, {first, len(first) + 5}, {first, len(second)},
		{keptLine, 0}, {keptLine, 5}, {keptLine, len(keptLine)}, {keptLine, len(second)},
	} {
		first, length := test.first, test.length
		t.Run(fmt.Sprintf("%d by %d", len(first), length), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.jsonl")
			put(t, path, first)
			f := newFollower(t.Context(), Options{Store: memory.New()})
			defer f.keeper.close()
			recording := jsonl.Locate(path).Source(jsonl.Options{})
			if _, err := store.Ingest(t.Context(), f.Store, recording, store.Options{}); err != nil {
				t.Fatal(err)
			}
			err := tail.Follow(t.Context(), path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
				one := &followed{follower: f, ctx: ctx, stream: s, source: jsonl.Locate(path), run: &run{}}
				if err := one.begin(nil); err != nil {
					return err
				}
				put(t, path+".new", second[:length])
				if err := os.Rename(path+".new", path); err != nil {
					return err
				}
				return one.on()
			})
			if !errors.Is(err, tail.ErrRewritten) {
				t.Errorf("it ends with %v", err)
			}
			if waiting, err := f.Store.Waiting(t.Context()); err != nil || len(waiting) > 0 {
				t.Errorf("of the other stream, something waits: %v, %v", waiting, err)
			}
		})
	}
}

// So is one that is written anew in the same file.
func TestRewrittenInPlaceAtTheStart(t *testing.T) {
	first := strings.Repeat(`{"at_ms":1,"type":"job_started","job_id":"first"}`+"\n", 4)
	second := strings.Repeat(`{"at_ms":1,"type":"job_started","job_id":"other"}`+"\n", 8)
	for _, length := range []int{len(first), len(first) + 5, len(second)} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.jsonl")
			put(t, path, first)
			f := newFollower(t.Context(), Options{Store: memory.New()})
			defer f.keeper.close()
			recording := jsonl.Locate(path).Source(jsonl.Options{})
			if _, err := store.Ingest(t.Context(), f.Store, recording, store.Options{}); err != nil {
				t.Fatal(err)
			}
			err := tail.Follow(t.Context(), path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
				one := &followed{follower: f, ctx: ctx, stream: s, source: jsonl.Locate(path), run: &run{}}
				if err := one.begin(nil); err != nil {
					return err
				}
				put(t, path, second[:length])
				return one.on()
			})
			if !errors.Is(err, tail.ErrRewritten) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}
