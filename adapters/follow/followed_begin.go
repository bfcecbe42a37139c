package follow

import (
	"crypto/sha256"

	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// begin finds out where to read from, and brings the rows up to it.
func (f *followed) begin(before *tail.Position) error {
	f.digest = sha256.New()
	f.fold = projections.NewFold(f.source.Run, projections.Runs.Into(func(row *projections.Row[projections.Run]) { f.row = row.Value }))
	if before != nil {
		f.stream.Replay(*before)
		f.shown = before.Offset()
	}
	if f.keeper == nil {
		return nil
	}
	f.seen = f.keeper.held.Load()
	info, err := f.stream.Look()
	if err != nil {
		return err
	}
	at, err := f.keeper.begin(f.ctx, f.source.Run, f.recording().WholeLines(), info.Size() <= pieceSize, f.again, f.waiting)
	if err != nil {
		return err
	}
	f.unborn = at == (store.Checkpoint{})
	if at.Mark.Bytes < f.shown {
		return tail.ErrRewritten // since it was left
	}
	f.keptUpTo(at.Mark)
	return f.skip(at)
}

// keptUpTo takes note of how far the rows are in the store, and the stream at least.
func (f *followed) keptUpTo(mark domain.Mark) {
	f.kept = mark
	f.stream.Expect(mark.Bytes)
}

// skip leaves out what nobody needs to see of a run that has finished.
func (f *followed) skip(at store.Checkpoint) error {
	if f.View != nil || at.Mark.Bytes == 0 {
		return nil
	}
	var row store.Run
	err := f.keeper.inTurn(f.ctx, func() (err error) {
		row, err = store.ReadRun(f.ctx, f.Store, f.source.Run)
		return err
	})
	if err != nil || !row.Ended {
		return nil // to read it is as good
	}
	f.setState(&row.Run)
	f.stream.Skip(at.Mark.Bytes)
	f.lines, f.fold, f.digest = at.Mark.Lines, nil, nil
	return nil
}
