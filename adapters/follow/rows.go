package follow

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// rows is the sink that updates the rows in a store.
type rows struct {
	Options
	projector *store.Projector
	decoded   *decoded

	interrupted context.Context // done when following should end
	late        context.Context // done some time after interrupted
	stop        func() error    // closes the projector
	release     func()          // releases the contexts

	names  sync.Map      // of streams, by their runs
	parked atomic.Int64  // batches in which a segment was parked
	slots  chan struct{} // the slots of inTurn
	gaveUp atomic.Bool   // the store was unavailable when following ended
	viewer *viewer
}

// newRows returns a sink that updates the rows in a store until ctx ends.
func newRows(ctx context.Context, options Options) *rows {
	r := &rows{Options: options, interrupted: ctx, slots: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))), viewer: newViewer(options.View, options.Store)}
	r.decoded = &decoded{Segments: jsonl.NewSegments(options.Streams), pieces: map[domain.RunID]piece{}}
	r.projector = store.NewProjector(r.Store, r.decoded, store.ProjectorOptions{Source: r.nameOf, Done: r.done, Outdated: options.outdated})
	r.stop = sync.OnceValue(r.stopProjector)
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.late = late
	unhook := context.AfterFunc(ctx, func() {
		time.AfterFunc(r.Grace, cancel)
		_ = r.stop() // stops waiting for the store
	})
	r.release = func() { unhook(); cancel() }
	return r
}

func (r *rows) nameOf(run domain.RunID) string {
	found, _ := r.names.Load(run)
	name, _ := found.(string)
	return name
}

func (r *rows) done(batch store.Batch) {
	r.Report.Written(batch.Written)
	r.viewer.written(batch.Written)
	if batch.Parked > 0 || len(batch.Quarantined) > 0 {
		r.parked.Add(1)
	}
}

// stopProjector finishes the current transaction, unless the store is unavailable.
func (r *rows) stopProjector() error {
	ctx, cancel := context.WithTimeout(context.Background(), r.Grace)
	defer cancel()
	if r.Retry.isAway() {
		cancel()
	}
	return r.projector.Close(ctx)
}

func (r *rows) Close() error {
	err := r.stop()
	r.release()
	if r.interrupted.Err() != nil {
		err = nil // unfinished work is not in the store; the same command resumes it
	}
	return err
}

// do calls do, and retries while the store is unavailable. An error that is not about one run becomes
// a [*SinkError].
func (r *rows) do(ctx context.Context, run domain.RunID, do func() error) error {
	err := r.Retry.do(ctx, func(err error) { r.waiting(run, err) }, do)
	var refused *store.RefusedError // an error of one run
	var skipped *store.SourceError
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &refused) || errors.As(err, &skipped) {
		return err
	}
	return &SinkError{err}
}

// waiting shows that a run waits for the store because of err or, with nil, that it no longer waits.
func (r *rows) waiting(run domain.RunID, err error) {
	switch {
	case r.View == nil:
	case err == nil:
		r.View.Waiting(run, "")
	default:
		r.View.Waiting(run, "waiting for the store: "+err.Error())
	}
}

// inTurn calls do once a slot is free. It limits connections to the store and memory, because a folder
// may have many streams.
func (r *rows) inTurn(ctx context.Context, do func() error) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *rows) Begin(ctx context.Context, source jsonl.Location) (known Known, err error) {
	r.names.Store(source.Run, r.source(source).Name())
	r.viewer.outdate(source.Run) // rows end the view's trouble, and another program may have written some
	err = r.inTurn(ctx, func() error {
		if known, err = r.known(ctx, source); err != nil || known.Other {
			return err
		}
		return r.show(ctx, source.Run)
	})
	return known, err
}

// show shows the view the rows that the store has of a run, unless it has them.
func (r *rows) show(ctx context.Context, run domain.RunID) error {
	return r.do(ctx, run, func() error { return r.viewer.show(ctx, run) })
}

// known returns how much the store has of a run.
func (r *rows) known(ctx context.Context, source jsonl.Location) (known Known, err error) {
	err = r.do(ctx, source.Run, func() error {
		all, err := r.Store.Checkpoints(ctx, []domain.RunID{source.Run})
		if err != nil {
			return err
		}
		waiting, err := r.Store.Waiting(ctx, source.Run)
		at, stored := all[source.Run]
		if known = (Known{Mark: domain.StartMark, Other: len(waiting) > 0}); err != nil || !stored {
			return err
		}
		missing := projections.Missing(r.Store.Projections().Stored(), projections.Versions(at.Projections))
		row, err := store.ReadRun(ctx, r.Store, source.Run)
		torn := at.Mark != at.End && source.Path != jsonl.Stdin // an incomplete line, which may no longer be the last one
		other := len(waiting)+len(missing) > 0 || torn || at.ReadOptions != r.decoded.ReadOptions() || errors.Is(err, store.ErrNoRun)
		if other && errors.Is(err, store.ErrNoRun) {
			err = nil
		}
		known = Known{Mark: at.Mark, Stored: true, Other: other, Ended: row.Ended, State: row.State}
		return err
	})
	return known, err
}

func (r *rows) Write(ctx context.Context, source jsonl.Location, segment domain.Segment, entries []domain.Entry) error {
	if !segment.Tail {
		r.decoded.put(segment, entries)
		defer r.decoded.remove(segment.Run)
	}
	before := r.parked.Load()
	err := r.do(ctx, segment.Run, func() error {
		err := r.projector.Apply(ctx, segment)
		if errors.Is(err, store.ErrParkedFull) {
			err = nil // the run counts as parked
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case r.parked.Load() == before:
		r.viewer.expect(segment.Run, segment.End())
		return r.show(ctx, segment.Run)
	}
	if known, err := r.Begin(ctx, source); err != nil || !known.Other { // the parked segment may belong to another run
		return err
	}
	return ErrStale
}

// errPipe reports that a pipe cannot continue the rows of a run.
var errPipe = errors.New("the store's rows of this run come from another stream, or were derived with other options; remove the run, or give the stream another id with --run-id")

func (r *rows) Derive(ctx context.Context, source jsonl.Location, reason error) (known Known, err error) {
	var long *tail.LineTooLongError
	switch {
	case source.Path != jsonl.Stdin:
	case errors.As(reason, &long):
		return known, reason
	default:
		return known, &store.SourceError{Name: printable.Name(source.Path), Err: errPipe}
	}
	err = r.inTurn(ctx, func() error {
		known, err = r.derive(ctx, source)
		return err
	})
	return known, err
}

// derive updates the rows of a run to the whole lines of its stream.
func (r *rows) derive(ctx context.Context, source jsonl.Location) (known Known, err error) {
	if err = r.ingest(ctx, source.Run, r.source(source).WholeLines()); err != nil {
		return known, err
	}
	if err = r.do(ctx, source.Run, func() error { return r.projector.Drop(ctx, source.Run) }); err != nil {
		return known, err
	}
	if known, err = r.known(ctx, source); err != nil {
		return known, err
	}
	return known, r.show(ctx, source.Run)
}

func (r *rows) Rest(ctx context.Context, source jsonl.Location, reason error) error {
	if source.Path == jsonl.Stdin {
		return reason
	}
	return r.inTurn(ctx, func() error {
		if err := r.ingest(ctx, source.Run, r.source(source)); err != nil {
			return err
		}
		return r.show(ctx, source.Run)
	})
}

// ingest updates the rows of a run to its stream.
func (r *rows) ingest(ctx context.Context, run domain.RunID, stream *jsonl.StoreSource) error {
	var result store.Result
	err := r.do(ctx, run, func() error { return r.once(ctx, stream, &result) })
	switch {
	case err != nil:
		return err
	case result.Outcome == store.Skipped:
		return result.Err
	case result.Outcome == store.Rewritten:
		r.Report.Rewritten(result)
	}
	if wasShown := r.viewer.outdate(run); wasShown && result.Outcome == store.Rewritten {
		r.View.Restart(run)
	}
	return nil
}

// once makes one attempt to ingest the stream. The error is an error of the store.
func (r *rows) once(ctx context.Context, stream *jsonl.StoreSource, result *store.Result) (err error) {
	*result, err = store.Ingest(ctx, r.Store, stream, store.Options{})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case result.Outcome == store.Skipped:
		return nil
	}
	return err
}

// Release makes the projector forget a run. If following was interrupted, Release first stores lines
// that are not stored yet and an incomplete last line, if the store allows that within a short time.
func (r *rows) Release(ctx context.Context, source jsonl.Location, known Known) (Known, error) {
	defer r.names.Delete(source.Run)
	r.viewer.outdate(source.Run)
	_ = r.projector.Forget(ctx, source.Run) // if this fails, the projector is closed or about to be
	if r.Retry.isAway() || r.gaveUp.Load() {
		return known, store.ErrAway
	}
	if ctx.Err() != nil {
		r.last(source, known)
	}
	err := r.inTurn(r.late, func() (err error) {
		known, err = r.known(r.late, source)
		return err
	})
	return known, err
}

func (r *rows) last(source jsonl.Location, known Known) {
	info, err := os.Stat(source.Path)
	if source.Path == jsonl.Stdin || err != nil || known.Stored && info.Size() <= known.Bytes {
		return
	}
	var result store.Result
	err = r.inTurn(r.late, func() error { return r.once(r.late, r.source(source), &result) })
	if r.late.Err() != nil {
		err = errors.New("the store does not answer")
	}
	if err != nil && !r.gaveUp.Swap(true) {
		r.Report.Unfinished(err)
	}
}

func (r *rows) source(at jsonl.Location) *jsonl.StoreSource {
	options := r.Streams
	options.Name = at.Path
	return at.Source(options)
}

// decoded is the projector's decoder. It reuses the entries that were decoded when a segment was read.
type decoded struct {
	*jsonl.Segments // decodes all other segments
	mu              sync.Mutex
	pieces          map[domain.RunID]piece
}

type piece struct {
	segment domain.Segment
	entries []domain.Entry
}

func (d *decoded) put(segment domain.Segment, entries []domain.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pieces[segment.Run] = piece{segment, entries}
}

func (d *decoded) remove(run domain.RunID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.pieces, run)
}

// Decode calls take with the entries of a segment, which may be a part of a segment that was read.
func (d *decoded) Decode(segment *domain.Segment, reading string, lines int64, take func(*domain.Entry)) (int64, error) {
	d.mu.Lock()
	p := d.pieces[segment.Run]
	d.mu.Unlock()
	if reading != d.ReadOptions() || !p.has(segment) {
		return d.Segments.Decode(segment, reading, lines, take)
	}
	for i := range p.entries {
		if at := p.entries[i].Offset; at >= segment.Offset && at < segment.End() {
			take(&p.entries[i])
		}
	}
	return int64(bytes.Count(segment.Data, []byte{'\n'})), nil
}

// has reports whether the segment's data is a part of the piece's memory.
func (p *piece) has(segment *domain.Segment) bool {
	at := segment.Offset - p.segment.Offset
	return len(segment.Data) > 0 && at >= 0 && segment.End() <= p.segment.End() && &segment.Data[0] == &p.segment.Data[at]
}
