package tail

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// Follow follows a stream or, if path names a folder, every stream in it at any depth, including
// streams that appear later. It waits for a path that does not exist yet. If a folder has an
// events.jsonl, that file is the only stream in it and below it; streams that Follow found before that
// file appeared stay followed. Follow does not enter folders through symbolic links, but path may be
// such a link; a link to a stream is a stream.
//
// Follow calls each for every stream, in a separate goroutine. A return of nil means that each is done
// with the stream; [ErrIdle] means that it releases the stream for a while. In both cases Follow calls
// each again when the file changes: when it differs from its state at the latest call of one of the
// stream's methods or, if there was none, before the call of each; see also [Stream.Again]. Any other
// error ends Follow.
//
// Follow returns when ctx is done, when no writer is left (see [Options.Over]) or, for a single
// stream, when each is done with it. It always waits until all calls of each have returned.
func Follow(ctx context.Context, path string, options Options, each func(context.Context, *Stream) error) error {
	if path == "" {
		return errors.New("the path of the stream to follow is empty")
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	f := newFollower(inner, path, options.withDefaults(), each)
	defer f.notifier.close()
	err := f.run()
	cancel()
	for f.running > 0 {
		err = first(err, f.ended(<-f.returned))
	}
	return first(err, ctx.Err())
}

// first returns a or, if it is nil, b.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// follower holds the state of Follow. Only the goroutine that called Follow uses it.
type follower struct {
	ctx     context.Context // the context that is passed to each
	root    string
	options Options
	each    func(context.Context, *Stream) error

	notifier *notifier
	single   bool   // root is a stream, not a folder
	base     string // the canonical name of root or, for a single stream, of its folder
	hands    hands
	turns    map[string]*turn
	running  int             // turns that have not ended
	queue    []string        // streams that wait until calls for others have returned
	queued   map[string]bool // the paths in queue
	returned chan *turn
	warned   map[string]bool
	blind    bool // a folder could not be watched

	walks uint64 // how often all folders have been walked
	fresh bool   // a walk found a change that the watcher had not reported
}

// turn is a call of each for a stream. The call may have returned.
type turn struct {
	stream       *Stream // nil once each has returned
	path         string
	name, target string
	seen         fs.FileInfo // the file's state when each returned
	restless     bool        // it may have changed since without a visible difference
	met          uint64      // the latest walk that found the file
	due          uint64      // the walk that calls each again even without a change; 0 for none
	err          error
	idle         bool // see ErrIdle
}

func newFollower(ctx context.Context, path string, options Options, each func(context.Context, *Stream) error) *follower {
	f := &follower{
		ctx: ctx, root: path, options: options, each: each,
		hands: hands{ctx, make(chan struct{}, options.AtOnce), &checks{}},
		turns: map[string]*turn{}, returned: make(chan *turn), warned: map[string]bool{}, queued: map[string]bool{},
	}
	f.notifier = newNotifier(options.Stream)
	if !options.PollOnly {
		f.warn(f.notifier.start())
	}
	return f
}

// warn reports each problem once.
func (f *follower) warn(err error) {
	if err != nil && !f.warned[err.Error()] {
		f.warned[err.Error()] = true
		f.options.Warn(err)
	}
}

// run follows until nothing is left to do.
func (f *follower) run() error {
	if err := f.await(); err != nil {
		return err
	}
	pause := f.options.Poll
	next := time.NewTimer(max(pause, f.walk()))
	defer next.Stop()
	over := f.options.Over
	for over != nil || f.options.Over == nil || f.running+len(f.queue) > 0 {
		select {
		case <-f.ctx.Done():
			return nil
		case <-over:
			over = nil
			f.walk()
		case t := <-f.returned:
			if err := f.ended(t); err != nil || f.single && !t.idle {
				return err
			}
			f.file(t.path)
			f.dequeue(crowd - f.running)
		case <-f.notifier.signal:
			f.hear(f.notifier.take())
		case <-next.C:
			f.dequeue(crowd / 10) // running calls may take long
			least := f.walk()
			pause = min(2*pause, slowest*f.options.Poll)
			if f.fresh {
				pause = f.options.Poll
			}
			next.Reset(max(pause, least))
		}
	}
	if _, err := os.Stat(f.root); err != nil && f.single {
		return printable.Error(err) // each was not done with it
	}
	return nil
}

// await waits until the root exists.
func (f *follower) await() error {
	watched, began := "", time.Now()
	for {
		last := f.options.isOver()
		info, err := os.Stat(f.root)
		switch {
		case err == nil:
			f.notifier.unwatch(watched)
			f.single = !info.IsDir()
			if f.single && !info.Mode().IsRegular() {
				return notRegular(f.root)
			}
			return nil
		case !errors.Is(err, fs.ErrNotExist), last, f.options.Gone > 0 && time.Since(began) >= f.options.Gone:
			return printable.Error(err)
		}
		if above := canonical(nearest(f.root)); above != watched {
			f.notifier.unwatch(watched)
			watched = above
			f.warn(f.notifier.watch(above))
			continue // the root may have appeared before the folder was watched
		}
		if err := f.pause(); err != nil {
			return err
		}
	}
}

// pause waits for news of any kind.
func (f *follower) pause() error {
	timer := time.NewTimer(f.options.Poll)
	defer timer.Stop()
	select {
	case <-f.ctx.Done():
		return f.ctx.Err()
	case <-f.options.Over:
	case <-f.notifier.signal:
		for _, err := range f.notifier.take().errors {
			f.warn(err)
		}
	case <-timer.C:
	}
	return nil
}

// crowd is how many streams are started at once. More are started only as time allows: each uses
// memory until it is released.
const crowd = 1000

// dequeue starts up to n of the queued streams.
func (f *follower) dequeue(n int) {
	n = max(0, min(n, len(f.queue)))
	paths := f.queue[:n]
	if f.queue = f.queue[n:]; len(f.queue) == 0 {
		f.queue = nil
	}
	for _, path := range paths {
		delete(f.queued, path)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			f.start(path, info)
		}
	}
}

// enqueue starts a stream, now or later.
func (f *follower) enqueue(path string, seen fs.FileInfo) {
	switch {
	case f.queued[path]:
	case f.running < crowd && len(f.queue) == 0:
		f.start(path, seen)
	default:
		f.queue, f.queued[path] = append(f.queue, path), true
	}
}

// start calls each for a stream in a new goroutine.
func (f *follower) start(path string, seen fs.FileInfo) {
	t := &turn{path: path, stream: newStream(path, seen, f.options, f.hands), target: target(path), met: f.walks}
	t.name, _ = moved(path, f.folderOf(), f.base)
	if t.target != "" {
		f.watch(filepath.Dir(t.target))
	}
	f.turns[path] = t
	f.notifier.add(t.stream, t.name, t.target)
	f.running++
	go func() {
		t.err = f.each(f.ctx, t.stream)
		t.stream.release() // other streams wait for the slot
		f.returned <- t
	}()
}

// ended records that each has returned, and returns the error that ends Follow, if any.
func (f *follower) ended(t *turn) error {
	f.notifier.remove(t.stream, t.name, t.target)
	f.running--
	if t.stream.retry {
		t.due = f.walks + 1
	}
	t.seen, t.restless = t.stream.seen.FileInfo, !t.stream.seen.sure
	t.stream = nil
	t.idle = errors.Is(t.err, ErrIdle)
	if t.idle || f.ctx.Err() != nil && errors.Is(t.err, f.ctx.Err()) {
		return nil
	}
	return t.err
}
