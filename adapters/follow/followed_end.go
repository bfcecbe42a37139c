package follow

import (
	"errors"
	"io/fs"
	"os"

	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/projections/store"
)

// finish takes note that the run has finished, or its writer has died, and stores what only
// the end of the stream tells: that its last line is torn. Its whole lines end where it was left.
func (f *followed) finish(at tail.Position, torn bool) error {
	if f.keeper != nil && (f.wrote || f.unborn || torn) {
		err := f.keeper.ingest(f.ctx, f.recording(), nil)
		if err != nil && (torn || !errors.Is(err, fs.ErrNotExist)) { // whose lines are stored may go
			return err
		}
	}
	f.leave(at)
	if f.fold != nil {
		f.Notices.Abandoned(f.source.Run, f.source.Path)
	}
	return nil
}

// last stores what is there of a stream that is not read on, though its run has
// not finished: lines that were not stored yet, and a last line that is torn.
func (f *followed) last() {
	if f.keeper == nil {
		return
	}
	if info, err := os.Stat(f.source.Path); err == nil && (f.unborn || info.Size() > f.kept.Bytes) {
		f.keeper.last(f.recording())
	}
}

// fails ends the following of the stream or, if the store has failed, of all.
func (f *followed) fails(err error) error {
	var failed *storeFailure
	if errors.As(err, &failed) {
		return err
	}
	if errors.Is(err, errStopped) {
		err = &store.SourceError{Name: f.source.Path, Err: err}
	}
	f.run.bad = f.findBad(f.stream, err)
	var file *fs.PathError
	if f.run.shut = errors.As(err, &file); f.run.shut { // who may read it can change, and the file not
		f.stream.Again()
	}
	f.setAside(f.source.Path, f.source.Run, err)
	return nil
}
