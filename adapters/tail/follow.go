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

// Follow follows what path names: a stream or, for a folder, every stream in it
// at any depth, those that appear later included. What is not there yet
// is waited for. A folder that has an events.jsonl has no other stream, in it or below
// it; streams that were found before that one appeared are followed all the same.
// Folders that are reached by a symbolic link are not entered, but path may be one; a
// link to a stream is a stream.
//
// Each stream is handed to each, in a goroutine of its own. When each returns
// nil, it is done with the stream; with [ErrIdle], it lets go of it for a while. Either way
// it is called again when the file changes: when it is not as it was at the latest call of the
// stream's methods or, without any, before each was called; see also [Stream.Again]. Another
// error ends all.
//
// Follow returns when ctx is done, when nothing more will be written (see [Options.Over]) or,
// for a single stream, when each is done with it, and never before all calls of each
// have returned.
func Follow(ctx context.Context, path string, options Options, each func(context.Context, *Stream) error) error {
	if path == "" {
		return errors.New("the path of what is to be followed is empty")
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

// first returns the first error there is.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// follower keeps the books of Follow. Only the goroutine that called Follow
// uses it.
type follower struct {
	ctx     context.Context // what each is given
	root    string
	options Options
	each    func(context.Context, *Stream) error

	notifier *notifier
	single   bool   // root is a stream, and no folder
	base     string // the canonical name of root or, for a single stream, of its folder
	hands    hands
	turns    map[string]*turn
	running  int             // turns that have not ended
	queue    []string        // streams that are to be handed on when others have ended
	queued   map[string]bool // what is in it
	returned chan *turn
	warned   map[string]bool
	blind    bool // a folder could not be watched

	walks uint64 // how often all folders have been walked
	fresh bool   // a walk has found what nobody had told of
}

// turn is a stream's: each has been called for it, and may have returned.
type turn struct {
	stream       *Stream // nil once each has returned
	path         string
	name, target string
	seen         fs.FileInfo // how the file was when each was done with it
	restless     bool        // it may have changed since, and look the same
	met          uint64      // the walk that came across the file last
	due          uint64      // the walk that hands it on again, changed or not; 0 if none does
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

// warn tells of what following goes on without, once.
func (f *follower) warn(err error) {
	if err != nil && !f.warned[err.Error()] {
		f.warned[err.Error()] = true
		f.options.Warn(err)
	}
}

// run follows until there is nothing more to do.
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
			f.dequeue(crowd / 10) // others may go on for long
			least := f.walk()
			pause = min(2*pause, slowest*f.options.Poll)
			if f.fresh {
				pause = f.options.Poll
			}
			next.Reset(max(pause, least))
		}
	}
	if _, err := os.Stat(f.root); err != nil && f.single {
		return printable.Error(err) // nobody was done with it
	}
	return nil
}

// await waits until there is something at the root.
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
			continue // it may have come before it was watched
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

// crowd is how many streams are handed on at once. More are when there is time: each
// takes memory until it is let go of.
const crowd = 1000

// dequeue hands on some of the streams that wait for it.
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

// enqueue hands a stream on, now or later.
func (f *follower) enqueue(path string, seen fs.FileInfo) {
	switch {
	case f.queued[path]:
	case f.running < crowd && len(f.queue) == 0:
		f.start(path, seen)
	default:
		f.queue, f.queued[path] = append(f.queue, path), true
	}
}

// start calls each for a stream.
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
		t.stream.release() // others wait for the hand
		f.returned <- t
	}()
}

// ended takes note that each has returned, and returns what is to end all.
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
