package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// contended is a store in which another program writes, or an accident happens, between a
// writer's reads and its writes.
type contended struct {
	*memory.Store
	choose choices
	left   int // how many times
	before func()
}

var errAccident = fmt.Errorf("%w: an accident", store.ErrAway)

func (s *contended) Update(ctx context.Context, do func(store.Tx) error) error {
	accident := "none"
	if s.left > 0 {
		s.left--
		s.before()
		accident = []string{"none", "before the commit", "behind the commit"}[s.choose(3)]
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if err := do(tx); err != nil || accident != "before the commit" {
			return err
		}
		return errAccident
	})
	if accident == "behind the commit" {
		err = errors.Join(err, errAccident)
	}
	return err
}

// choices returns numbers below n. They are drawn in advance, because writers have their own
// goroutines.
type choices func(n int) int

func draw(t *rapid.T) choices {
	var mu sync.Mutex
	drawn := rapid.SliceOfN(rapid.IntRange(0, 1<<20), 60, 60).Draw(t, "choices")
	return func(n int) (choice int) {
		mu.Lock()
		defer mu.Unlock()
		if len(drawn) > 0 {
			choice, drawn = drawn[0]%n, drawn[1:]
		}
		return choice
	}
}

// inBatches returns options for large batches of rows, or for small ones, so that the runs of
// short streams have their own transactions.
func inBatches(t *rapid.T) store.Options {
	return store.Options{}.InBatches(rapid.SampledFrom([]int{1, 3, 4096}).Draw(t, "rows in a batch"))
}

// upToLine returns the first lines of a stream, and some bytes of the next one if torn.
func upToLine(choose choices, data []byte, torn bool) []byte {
	n := choose(len(data) + 1)
	if !torn {
		n = bytes.LastIndexByte(data[:n], '\n') + 1
	}
	return data[:n]
}

// Ingest, a projector and prune write the same run at once, and some of their transactions fail. The
// rows are always those of the stream up to the checkpoint, and those of the whole stream after
// either has read all of it again.
func TestWritersOfOneRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, stream := context.Background(), file{run: "r", data: streamOf(t, "stream")}
		segments := cut(t, "r", stream.data)
		sent := slices.Concat(segments, tails(t, "r", stream.data))
		plain, choose, options := memory.New(), draw(t), inBatches(t)
		consistent := func() {
			t.Helper()
			stored := must(plain.Checkpoints(ctx, []domain.RunID{"r"}))
			if checkpoint, ok := stored["r"]; ok {
				hasRecordOf(t, plain, file{"r", stream.data[:checkpoint.End.Bytes]})
			}
		}
		forced, pruning := options, options
		forced.Force, pruning.Prune = true, true
		ingest := func(s store.Store, torn bool) error {
			f := file{"r", upToLine(choose, stream.data, torn)}
			switch choose(4) {
			case 0:
				return second(store.Rebuild(ctx, s, folder{files: []file{f}}, forced))
			case 1:
				return second(store.IngestAll(ctx, s, folder{files: []file{{run: "other"}}}, pruning))
			}
			return second(store.Ingest(ctx, s, f, options))
		}
		apply := func(p *store.Projector) (err error) {
			for range choose(5) {
				if len(sent) > 0 {
					err = errors.Join(err, p.Apply(ctx, sent[choose(len(sent))]))
				}
			}
			return err
		}
		project(t, plain, hasty, func(other *store.Projector) error {
			s := &contended{Store: plain, choose: choose, left: 1 + choose(8)}
			s.before = func() {
				if choose(2) == 0 {
					assert.NoError(t, ingest(plain, false))
				} else if err := apply(other); err != nil {
					t.Error(err)
				}
				consistent()
			}
			p := store.NewProjector(s, wire{}, hasty)
			defer func() { p.Close(ctx) }()
			for range 1 + choose(5) {
				err := apply(p)
				if choose(2) == 0 {
					err = ingest(s, true)
				}
				if err != nil && !errors.Is(err, errAccident) {
					t.Error(err)
				}
				if consistent(); choose(2) == 0 {
					p.Close(ctx)
					p = store.NewProjector(s, wire{}, hasty)
				}
			}
			s.left = 0
			for _, segment := range segments {
				if err := p.Apply(ctx, segment); err != nil {
					return err
				}
			}
			if len(segments) > 0 {
				hasRecordOf(t, plain, stream)
			}
			// A segment that the other writer has parked meanwhile stays until it is old.
			for _, w := range must(plain.Waiting(ctx)) {
				assert.Nil(t, w.Quarantine)
			}
			return p.Retry(ctx, "r")
		})
		if len(segments) > 0 {
			isRecordOf(t, plain, stream)
		}
		assert.NoError(t, second(store.Ingest(ctx, plain, stream, options)))
		isRecordOf(t, plain, stream)
	})
}

// In one transaction of many runs, a refused or malformed run is skipped and keeps its rows, a run that
// another program has written is derived again, and each run has one result, in order.
func TestRunsOfOneTransaction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, plain, choose, options := context.Background(), memory.New(), draw(t), inBatches(t)
		var files, given []file
		bad, malformed := refusals{}, map[domain.RunID]bool{}
		for i := range rapid.IntRange(1, 12).Draw(t, "runs") {
			f := file{domain.RunID(fmt.Sprint(i)), streamOf(t, "stream")}
			files, bad[f.run] = append(files, f), rapid.IntRange(0, 5).Draw(t, "refused at")
			malformed[f.run] = rapid.IntRange(0, 5).Draw(t, "malformed") == 0
			other := f
			if malformed[f.run] {
				good := upToLine(choose, f.data, false)
				other.data = slices.Concat(good, []byte("malformed\n"), f.data[len(good):])
			}
			given = append(given, other)
			if choose(2) == 0 { // else it is new
				must(store.Ingest(ctx, plain, file{f.run, upToLine(choose, f.data, true)}, store.Options{}))
			}
		}
		s := &picky{contended{Store: plain, choose: choose}, bad}
		s.left, s.before = choose(4), func() {
			f := files[choose(len(files))]
			if stored := must(plain.Checkpoints(ctx, []domain.RunID{f.run})); stored[f.run].End.Bytes < int64(len(f.data)) {
				f.data = upToLine(choose, f.data, true)
			}
			_, err := store.Ingest(ctx, plain, f, store.Options{})
			assert.NoError(t, err)
		}
		var runs []domain.RunID
		for tries := 0; ; tries++ {
			runs = nil
			options.Done = func(r store.Result) {
				runs = append(runs, r.RunID)
				var refused *store.RefusedError
				skipped, errRefused := r.Outcome == store.Skipped, errors.As(r.Err, &refused)
				switch {
				case skipped != (r.Err != nil), errRefused && !bad.refuses(r.RunID):
					t.Errorf("%+v", r)
				case skipped && !errRefused && !malformed[r.RunID], !skipped && malformed[r.RunID]:
					t.Errorf("%+v", r)
				case skipped && r.Rows > 0:
					t.Errorf("a run is skipped, and has written rows: %+v", r)
				}
			}
			_, err := store.IngestAll(ctx, s, folder{files: given}, options)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, errAccident)
			require.LessOrEqual(t, tries, 3)
		}
		for i, f := range files {
			require.Len(t, runs, len(files), "the results are those")
			require.Equal(t, f.run, runs[i], "the results are those")
			if !bad.refuses(f.run) && !malformed[f.run] {
				isRecordOf(t, plain, f)
			} else if stored, ok := must(plain.Checkpoints(ctx, []domain.RunID{f.run}))[f.run]; ok {
				hasRecordOf(t, plain, file{f.run, f.data[:stored.End.Bytes]})
			}
		}
	})
}

// refusals says which runs are refused: at one of their first inserts, or at their checkpoint.
type refusals map[domain.RunID]int

const refusedAtCheckpoint = 3

func (r refusals) refuses(run domain.RunID) bool { return 0 < r[run] && r[run] <= refusedAtCheckpoint }

// picky is a contended store that refuses some runs.
type picky struct {
	contended
	bad refusals
}

func (s *picky) Update(ctx context.Context, do func(store.Tx) error) error {
	return s.contended.Update(ctx, func(tx store.Tx) error { return do(pickyTx{tx, s.bad, map[domain.RunID]int{}}) })
}

type pickyTx struct {
	store.Tx
	bad     refusals
	inserts map[domain.RunID]int
}

func (t pickyTx) Insert(rows *store.Rows) error {
	if t.inserts[rows.RunID]++; t.bad.refuses(rows.RunID) && t.inserts[rows.RunID] == t.bad[rows.RunID] {
		return errors.New("refused")
	}
	return t.Tx.Insert(rows)
}

func (t pickyTx) Unpark(run domain.RunID, end int64) error {
	if end == math.MaxInt64 && t.bad.refuses(run) { // it is to be pruned
		return errors.New("refused")
	}
	return t.Tx.Unpark(run, end)
}

func (t pickyTx) SetCheckpoint(run domain.RunID, c store.Checkpoint) error {
	if t.bad.refuses(run) {
		return errors.New("refused")
	}
	return t.Tx.SetCheckpoint(run, c)
}
