package follow

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
)

// stream follows one stream until its run has finished, or it cannot be read. Whenever
// it is read anew, it is found out again whose stream it is: it may have been moved,
// and another one written in its place.
func (f *follower) stream(ctx context.Context, s *tail.Stream) error {
	f.awake.Add(1)
	defer f.awake.Add(-1)
	source := jsonl.Locate(s.Path())
	source.Run = cmp.Or(f.Run, source.Run)
	for stops, anew := 0, false; ; anew = true {
		one := f.claimed(ctx, s, source)
		if one == nil {
			return nil
		}
		before := one.run.left
		switch {
		case anew || before == nil:
			before = nil
		case s.Holds(*before):
			return nil
		}
		one.run.left = nil
		if one.again && before == nil {
			f.restart(source.Run)
			s.SetOffset(0)
		}
		err := one.read(before)
		switch {
		case err == nil, errors.Is(err, tail.ErrIdle):
			return err
		case ctx.Err() != nil:
			one.last()
			return ctx.Err()
		case errors.Is(err, tail.ErrRewritten):
			continue
		case errors.Is(err, errStopped) && stops < maxStops:
			stops++
			pause(ctx, time.Duration(stops)*firstPause)
			continue
		case errors.Is(err, fs.ErrNotExist): // it is about to be replaced
			_, err = s.Next(ctx, 1)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil || errors.Is(err, tail.ErrRewritten) || errors.Is(err, tail.ErrIdle) {
				continue
			}
		}
		return one.fails(err)
	}
}

// claimed returns the stream to be read, or nil if it is not to be: because its run is
// another stream's, or because what was wrong with it still is.
func (f *follower) claimed(ctx context.Context, s *tail.Stream, source jsonl.Location) *followed {
	run, again, err := f.claim(source)
	if err != nil {
		s.Again() // the other one may go
		if !errors.Is(err, errMoved) {
			f.setAside(source.Path, "", err)
		}
		return nil
	}
	if run.shut && !canRead(source.Path) {
		s.Again()
		return nil
	}
	if run.bad.isIn(source.Path) {
		return nil
	}
	run.bad, run.shut = nil, false
	f.setAside(source.Path, source.Run, nil)
	return &followed{follower: f, ctx: ctx, stream: s, source: source, run: run, again: again}
}

// canRead reports whether a file can be opened, and read.
func canRead(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	_, err = file.Read(make([]byte, 1))
	return err == nil || errors.Is(err, io.EOF)
}

// maxStops is how often a stream is read anew because others write its run.
const maxStops = 10

func pause(ctx context.Context, while time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(while):
	}
}

// restart has the view forget a run, whose stream is read from its start.
func (f *follower) restart(run domain.RunID) {
	if f.View != nil {
		f.View.Restart(run)
	}
}
