package follow

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
)

// stream follows one stream until its run has finished, or the stream cannot be read. Each time it
// reads the stream from its start, it claims the run again: the stream may have been moved, and
// another one written in its place.
func (f *follower) stream(ctx context.Context, s *tail.Stream) error {
	f.awake.Add(1)
	defer f.awake.Add(-1)
	source := jsonl.Locate(s.Path())
	source.Run = cmp.Or(f.Run, source.Run)
	for first := true; ; first = false {
		r, again := f.claimed(ctx, s, source)
		if r == nil {
			return nil
		}
		before := r.run.left
		if before != nil && first && r.unchanged(before.end) {
			return nil
		}
		s.Restart()
		var shown domain.Mark
		if r.run.left = nil; before != nil && first {
			shown = before.lines
		} else if again && f.View != nil && f.Store == nil {
			f.View.Restart(source.Run)
		}
		err := r.read(shown)
		var refused *refusedError
		switch {
		case err == nil, errors.Is(err, tail.ErrIdle):
			return err
		case ctx.Err() != nil:
			r.letGo()
			return ctx.Err()
		case errors.As(err, &refused) && !errors.Is(err, fs.ErrNotExist):
			return r.fails(err)
		case errors.Is(err, tail.ErrRewritten), errors.Is(err, errCaughtUp), errors.Is(err, ErrLost):
			continue
		case errors.Is(err, fs.ErrNotExist): // the file may be about to be replaced
			_, err = s.Next(ctx, 1)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil || errors.Is(err, tail.ErrRewritten) || errors.Is(err, tail.ErrIdle) {
				continue
			}
		}
		return r.fails(err)
	}
}

// claimed returns a reader of the stream, or nil if the stream must not be read: because its run is
// assigned to another stream, or because the reason for skipping it remains. again reports that the
// run was read before.
func (f *follower) claimed(ctx context.Context, s *tail.Stream, source jsonl.Location) (r *reader, again bool) {
	run, again, err := f.claim(source)
	if err != nil {
		s.Again() // the other stream may disappear
		if !errors.Is(err, errMoved) {
			f.skip(source.Path, "", err)
		}
		return nil, false
	}
	if run.shut && !canRead(source.Path) {
		s.Again()
		return nil, false
	}
	if run.bad.isIn(source.Path) {
		return nil, false
	}
	run.bad, run.shut = nil, false
	f.mu.Lock()
	delete(f.skipped, source.Path)
	f.mu.Unlock()
	return &reader{follower: f, ctx: ctx, stream: s, lines: s, source: source, run: run}, again
}

// fails skips the stream or, if the sink has failed, ends following.
func (r *reader) fails(err error) error {
	if errors.As(err, new(*SinkError)) {
		return err
	}
	if r.stream != nil {
		r.run.bad = r.findBad(r.stream, err)
		var file *fs.PathError
		if r.run.shut = errors.As(err, &file); r.run.shut { // permissions can change without a change of the file
			r.stream.Again()
		}
	}
	r.skip(r.source.Path, r.source.Run, err)
	return nil
}

// canRead reports whether a file can be opened and read.
func canRead(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	_, err = file.Read(make([]byte, 1))
	return err == nil || errors.Is(err, io.EOF)
}
