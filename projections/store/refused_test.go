package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// gated is a store that blocks writers until its gate opens, and that refuses one run.
type gated struct {
	store.Store
	open   chan struct{}
	bad    domain.RunID
	refuse func(context.Context) error
	most   int // runs that were locked at once
}

func (s *gated) Update(ctx context.Context, do func(store.Tx) error) error {
	select {
	case <-s.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.Store.Update(ctx, func(tx store.Tx) error { return do(&gatedTx{tx, ctx, s}) })
}

type gatedTx struct {
	store.Tx
	ctx context.Context
	s   *gated
}

func (t *gatedTx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	t.s.most = max(t.s.most, len(runs))
	return t.Tx.Lock(runs)
}

func (t *gatedTx) SetCheckpoint(run domain.RunID, c store.Checkpoint) error {
	if run == t.s.bad {
		return t.s.refuse(t.ctx)
	}
	return t.Tx.SetCheckpoint(run, c)
}

// A refused run does not stop the other runs of its transaction.
func TestOneRunIsRefused(t *testing.T) {
	errRefused := errors.New("refused")
	for name, test := range map[string]struct {
		refuse func(context.Context) error
		want   error
	}{
		"at once": {func(context.Context) error { return errRefused }, errRefused},
		"by not answering": {func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, store.ErrAway},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const runs = 20
				s := &gated{Store: memory.New(), open: make(chan struct{}), bad: "run 3", refuse: test.refuse}
				p := store.NewProjector(s, wire{}, store.ProjectorOptions{})
				defer p.Close(context.Background())
				apply := func(run domain.RunID) {
					data := lines(domain.NewJobStarted(0, "a"))
					err := p.Apply(t.Context(), domain.Segment{Run: run, Data: data})
					if run == s.bad && !errors.Is(err, test.want) || run != s.bad && err != nil {
						t.Errorf("%s: %v", run, err)
					}
				}
				go apply("first")
				synctest.Wait() // it waits at the gate
				for i := range runs {
					go apply(domain.RunID(fmt.Sprint("run ", i)))
				}
				synctest.Wait() // they all wait for it
				close(s.open)
				time.Sleep(time.Hour)
				synctest.Wait()
				assert.Equal(t, runs, s.most, "at most")
				if got := runIDs(t, s); len(got) != runs {
					t.Errorf("%d runs are stored, want all but one of %d: %q", len(got), runs+1, got)
				}
			})
		})
	}
}

// A run that the store refuses for long while it writes others is quarantined. It continues after a
// retry when the cause is gone. If the store writes no run, none is quarantined.
func TestRefusedRunIsQuarantined(t *testing.T) {
	for name, others := range map[string]bool{"others are written": true, "none is written": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				open := make(chan struct{})
				close(open)
				errRefused := errors.New("refused")
				s := &gated{Store: memory.New(), open: open, bad: "bad", refuse: func(context.Context) error { return errRefused }}
				p := store.NewProjector(s, wire{}, store.ProjectorOptions{})
				defer p.Close(context.Background())
				data := lines(domain.NewJobStarted(0, "a"), domain.NewJobFinished(1, "a", domain.Complete))
				half := bytes.IndexByte(data, '\n') + 1
				apply := func(run domain.RunID, data []byte, offset int) error {
					return p.Apply(t.Context(), domain.Segment{Run: run, Offset: int64(offset), Data: data})
				}
				for i := range 8 { // the broker delivers it every 10 s
					err := apply("bad", data[:half], 0)
					if quarantined := others && i > 5; quarantined != (err == nil) || err != nil && !errors.Is(err, errRefused) {
						t.Fatalf("attempt %d: %v", i, err)
					}
					if others {
						must(0, apply(domain.RunID(fmt.Sprint(i)), data, 0))
					}
					time.Sleep(10 * time.Second)
				}
				waiting := must(s.Waiting(t.Context()))
				if !others {
					assert.Empty(t, waiting, "it waits")
					return
				}
				if len(waiting) != 1 || waiting[0].Quarantine == nil || waiting[0].Quarantine.Code != store.RefusedRun || waiting[0].Bytes != int64(half) {
					t.Fatalf("it waits: %+v", waiting)
				}
				must(0, apply("bad", data[half:], half))
				s.bad = ""
				must(0, p.Retry(t.Context(), "bad"))
				assert.Empty(t, must(s.Waiting(t.Context())), "it still waits")
				record := must(store.ReadRecord(t.Context(), s, "bad"))
				if len(record.Jobs) != 1 || record.Jobs[0].State != projections.Complete {
					t.Errorf("its rows are %+v", record.Jobs)
				}
			})
		})
	}
}

// If a newer program has written one projection, nothing is written to the store, and no segment is
// lost.
func TestSomeRowsAreNewer(t *testing.T) {
	set := func(version int) *projections.Set {
		added := projections.Define(projections.Declaration[projections.Label]{
			Name: "added", Version: version, Key: []string{"key"},
			New: func() projections.Projection[projections.Label] { return added{} },
		})
		return must(projections.NewSet(added))
	}
	newer := memory.Of(set(8))
	_, err := store.Ingest(t.Context(), newer, file{run: "old"}, store.Options{})
	require.NoError(t, err)
	s := newer.As(set(7))
	data := lines(domain.NewJobStarted(0, "a"))
	p := store.NewProjector(s, wire{}, store.ProjectorOptions{})
	defer p.Close(context.Background())
	for name, err := range map[string]error{
		"ingest":  second(store.Ingest(t.Context(), s, file{run: "a", data: data}, store.Options{})),
		"rebuild": second(store.Rebuild(t.Context(), s, folder{files: []file{{run: "a", data: data}}}, store.Options{})),
		"prune":   second(store.IngestAll(t.Context(), s, folder{files: []file{{run: "a"}}}, store.Options{Prune: true})),
		"segment": p.Apply(t.Context(), domain.Segment{Run: "a", Data: data}),
	} {
		var refused *projections.NewerError
		if !errors.As(err, &refused) || refused.Name != "added" || refused.Stored != 8 || refused.Known != 7 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	assert.Len(t, runIDs(t, s), 1)
}

// added is a projection without rows.
type added struct{}

func (added) Reduce(_ *projections.Step, rows []projections.Row[projections.Label]) []projections.Row[projections.Label] {
	return rows
}

func (added) Open(_ *projections.Tracker, rows []projections.Row[projections.Label]) []projections.Row[projections.Label] {
	return rows
}

func second[A any](_ A, err error) error { return err }

func must[A any](value A, err error) A {
	if err != nil {
		panic(err)
	}
	return value
}

// deliver applies segments as a broker does, and returns the refused ones, which come again.
func deliver(t *rapid.T, p *store.Projector, segments []domain.Segment) (refused []domain.Segment) {
	for _, segment := range segments {
		switch err := p.Apply(context.Background(), segment); {
		case errors.Is(err, store.ErrParkedFull):
			refused = append(refused, segment)
		case err != nil:
			t.Fatal(err)
		}
	}
	return refused
}

// If a segment is missing, no more than the limit is parked. The run is then quarantined, and the broker
// keeps the rest. All segments are applied when the missing one comes, or after a retry.
func TestWhatIsHeldHasALimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := file{run: "r", data: streamOf(t, "stream")}
		segments := cut(t, "r", stream.data)
		if len(segments) == 0 {
			return
		}
		first, rest := segments[0], rapid.Permutation(segments[1:]).Draw(t, "order")
		s, options := memory.New(), hasty
		options.MaxParkedBytes = int64(rapid.IntRange(1, 1000).Draw(t, "limit"))
		project(t, s, options, func(p *store.Projector) error {
			left := deliver(t, p, rest)
			if rapid.Bool().Draw(t, "again") {
				left = deliver(t, p, left)
			}
			waiting, err := s.Waiting(context.Background())
			if err != nil {
				return err
			}
			parked := 0
			for _, w := range waiting {
				parked = w.Segments
				assert.LessOrEqual(t, w.Bytes, options.MaxParkedBytes)
				if q := w.Quarantine; len(left) > 0 && (q == nil || q.Code != store.MissingSegment || q.Offset != 0) {
					t.Errorf("what does not fit is refused, and the quarantine is %+v", q)
				}
			}
			assert.Equal(t, len(rest), parked+len(left), "of %d segments %d are parked and %d refused", len(rest), parked, len(left))
			if rapid.Bool().Draw(t, "drop") {
				left = rest
				err = p.Drop(context.Background(), "r") // parked segments are published again
			}
			left = append(left, first)
			for tries := 0; len(left) > 0; tries++ {
				if rapid.Bool().Draw(t, "retry") {
					err = errors.Join(err, p.Retry(context.Background(), "r"))
				}
				if left = deliver(t, p, left); tries > len(segments) {
					t.Fatalf("%d segments are refused for ever", len(left))
				}
			}
			return err
		})
		isRecordOf(t, s, stream)
	})
}
