package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// trial is one try of a law on a store.
type trial struct {
	ctx   context.Context
	store store.Store
	// of are the projections that the store keeps. as opens the store for a program with other
	// ones.
	of []definition
	as func(*projections.Set) store.Store
	// keeps means that the store keeps streams.
	keeps bool
	// draw is the source of random values; nil in an example.
	draw *rapid.T
	// prefix begins the ids of this trial's runs, and of no others.
	prefix string
	runs   []domain.RunID
}

// patience limits a trial, on a slow and busy machine too, so that a store that hangs is found.
const patience = 5 * time.Minute

// hangs is the time after which a call is considered to hang: much longer than it takes on any
// machine. Tests of the laws make it shorter, since their stores do hang.
var hangs = patience / 2

// try tries the law once.
func (l law) try(as func(*projections.Set) store.Store, draw *rapid.T) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	t := &trial{ctx: ctx, store: as(Set), of: Set.Stored(), as: as, draw: draw, prefix: newPrefix()}
	err := caught(func() {
		t.keeps = value(t.store.Keeps(ctx))
		l.holds(t)
	})
	// The remains of a law that does not hold would disturb other laws.
	if left := t.cleanUp(); err == nil {
		err = wrap("clean up", left)
	}
	if err != nil {
		// Rapid recognizes a failure by its message, so this must not vary.
		return errors.New(strings.ReplaceAll(err.Error(), t.prefix, ""))
	}
	return nil
}

// cleanUp removes the trial's runs, even after its time limit.
func (t *trial) cleanUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	t.ctx = ctx
	return t.remove(t.runs...)
}

var (
	process = rand.Text()[:8] // other processes may use the same database
	trials  atomic.Int64
)

func newPrefix() string { return fmt.Sprintf("try-%s-%d-", process, trials.Add(1)) }

// run returns the id of a run that belongs to this trial.
func (t *trial) run(name string) domain.RunID {
	id := domain.RunID(t.prefix + name)
	t.runs = append(t.runs, id)
	return id
}

// transact calls do in a transaction.
func (t *trial) transact(do func(store.Tx)) error {
	return t.store.Update(t.ctx, func(tx store.Tx) error { return caught(func() { do(tx) }) })
}

// update calls do in a transaction that has locked runs.
func (t *trial) update(runs []domain.RunID, do func(store.Tx)) error {
	return t.transact(func(tx store.Tx) {
		value(tx.Lock(runs))
		do(tx)
	})
}

// view reads a run.
func (t *trial) view(run domain.RunID, do func(store.Snapshot)) error {
	return t.store.View(t.ctx, run, func(snapshot store.Snapshot) error { return caught(func() { do(snapshot) }) })
}

// write replaces everything stored of runs, in one transaction.
func (t *trial) write(contents ...*content) error {
	runs := idsOf(contents)
	return wrap("write", t.update(runs, func(tx store.Tx) {
		must(tx.Clear(runs, t.of))
		for _, c := range contents {
			must(c.insert(tx))
		}
	}))
}

// remove removes runs.
func (t *trial) remove(runs ...domain.RunID) error {
	if len(runs) == 0 {
		return nil
	}
	return t.update(runs, func(tx store.Tx) {
		for _, run := range runs {
			must(errors.Join(tx.Unpark(run, math.MaxInt64), tx.SetQuarantine(run, nil)))
		}
		must(errors.Join(tx.Clear(runs, t.of), tx.Discard(runs)))
	})
}

// holds returns an error if the store differs from the contents of these runs.
func (t *trial) holds(contents ...*content) error {
	for _, want := range contents {
		want.checkpoint.V.Kept = t.keeps
		got, err := t.read(want.id)
		if err != nil {
			return err
		}
		if err := got.differs(want); err != nil {
			return fmt.Errorf("run %s: %w", show(want.id), err)
		}
	}
	return nil
}

// read reads everything stored of a run.
func (t *trial) read(run domain.RunID) (c *content, err error) {
	err = t.view(run, func(snapshot store.Snapshot) {
		c, err = readContent(run, t.of, snapshot)
		must(err)
	})
	if err == nil && c.checkpoint.V.Kept {
		c.stream, err = t.keptStream(c)
	}
	return c, wrap("read", err)
}

// keptStream reads the kept stream of a run.
func (t *trial) keptStream(c *content) (stream []byte, err error) {
	stream = []byte{}
	for end := c.checkpoint.V.End; int64(len(stream)) < end.Bytes; {
		piece, err := t.store.Piece(t.ctx, c.id, int64(len(stream)))
		if err != nil || len(piece) == 0 {
			return nil, fmt.Errorf("%d of %d kept bytes can be read: %w", len(stream), end.Bytes, err)
		}
		stream = append(stream, piece...)
	}
	if more, err := t.store.Piece(t.ctx, c.id, int64(len(stream))); err != nil || len(more) > 0 || c.checkpoint.V.End.SHA256 != sha256.Sum256(stream) {
		return nil, fmt.Errorf("the kept stream is not what the rows were derived from, with %d bytes more: %q: %w", len(more), stream, err)
	}
	return stream, nil
}

// pick draws one of the values.
func pick[T any](t *trial, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t.draw, label)
}

// flip draws true or false.
func (t *trial) flip(label string) bool { return rapid.Bool().Draw(t.draw, label) }

// upTo draws a number from 0 to n.
func (t *trial) upTo(n int, label string) int { return rapid.IntRange(0, n).Draw(t.draw, label) }

func idsOf(contents []*content) []domain.RunID {
	ids := make([]domain.RunID, len(contents))
	for i, c := range contents {
		ids[i] = c.id
	}
	return ids
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// some returns a value that is not null.
func some[T comparable](v T) projections.Null[T] { return projections.Some(v) }
