package follow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/layout"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Follow follows the stream at path, or the streams in the folder at path, which it finds like
// [tail.Follow], or standard input, "-", see [Read]. It returns when ctx is done, when the run of a single stream has finished or its
// stream cannot be read, or when the store has failed permanently. The error is one of the store or of
// tail.Follow; Report receives errors of streams.
//
// If the store is older than this program, Follow first waits for the rebuild, except with standard
// input, whose writer would wait, too.
func Follow(ctx context.Context, path string, options Options) (Summary, error) {
	if path == jsonl.Stdin {
		source := jsonl.Locate(path)
		source.Run = cmp.Or(options.Run, source.Run)
		file, err := source.Open()
		if err != nil {
			return Summary{}, err
		}
		defer file.Close()
		return Read(ctx, file.Bytes(), source, options)
	}
	options = options.withDefaults()
	if options.Store != nil {
		waiting := func(err error) { options.Report.Warn(fmt.Errorf("%w; waiting until that is done", err)) }
		if err := options.Retry.Do(ctx, func() error { return store.AwaitVersions(ctx, options.Store, waiting) }); err != nil {
			return Summary{}, err
		}
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	options.outdated = end
	f := newFollower(ctx, options)
	f.path = path
	tailing := tail.Options{MaxLine: f.Streams.MaxLine, Head: refuseCompressed, Quiet: f.quiet, Over: f.WriterGone, Gone: f.IdleTimeout, Warn: f.warn}
	err := tail.Follow(ctx, path, tailing, f.stream)
	if f.sink != nil {
		err = cmp.Or(err, f.sink.Close())
	}
	if cause := context.Cause(ctx); errors.Is(cause, store.ErrOtherVersion) {
		err = &SinkError{cause}
	}
	return f.summary(), err
}

// CompressedError reports a stream that is compressed, whatever its name. It can be read, but does not
// grow.
type CompressedError struct{ Path string }

func (e *CompressedError) Error() string {
	return printable.Name(e.Path) + ": a compressed stream does not grow"
}

// refuseCompressed is a [tail.Options.Head] that refuses compressed streams.
func refuseCompressed(path string, first []byte) error {
	if layout.Compression(first) != "" {
		return &CompressedError{path}
	}
	return nil
}

// Check checks that a path can be followed, and reports whether it is a folder. run is the id of a
// single stream, or "".
func Check(path string, run domain.RunID) (folder bool, err error) {
	if strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst") {
		return false, &CompressedError{path}
	}
	if _, err := os.Stat(path); run != "" && errors.Is(err, fs.ErrNotExist) {
		return false, nil // a path with one run id will be a single stream
	}
	if folder = jsonl.LooksLikeFolder(path); run != "" && folder {
		err = fmt.Errorf("%w, and %s is a folder of runs", jsonl.ErrOneRun, printable.Name(path))
	}
	return folder, err
}

// follower follows streams, each in a separate goroutine.
type follower struct {
	Options
	path     string // the file or folder that is followed
	sink     Sink   // nil without a sink
	decoders sync.Pool
	awake    atomic.Int64 // followed streams that have not been released

	mu       sync.Mutex
	runs     map[domain.RunID]*run
	skipped  map[string]error // the reasons why streams were skipped, by path
	reported map[string]bool  // problems that were reported
	// unread has the folders and files that could not be examined.
	unread map[string]error
}

// run is the state of a run that is, or was, followed. It is small, and kept until following ends.
type run struct {
	path  string
	state projections.State
	ended bool // run_finished was read
	// left is how far the stream was read when it was released.
	left *left
	// bad is the line at which reading stopped.
	bad *badLine
	// shut is set if the system does not permit reading the file.
	shut bool
}

// left is how far a stream was read.
type left struct {
	lines, end domain.Mark // without and with an incomplete last line
}

func newFollower(ctx context.Context, options Options) *follower {
	f := &follower{Options: options.withDefaults(), runs: map[domain.RunID]*run{}, skipped: map[string]error{}, reported: map[string]bool{}, unread: map[string]error{}}
	f.decoders.New = func() any { return &chunkDecoder{Segments: jsonl.NewSegments(f.Streams)} }
	if f.sink = options.Sink; f.Store != nil {
		f.sink = newRows(ctx, f.Options)
	}
	return f
}

// How long a stream may be idle before it is released. A released stream needs little memory, but
// is read again from its start when it grows. Longer streams are kept longer. If there are very
// many streams, all are released sooner, since most of them are old.
const (
	quietAfter     = 10 * time.Second
	quietInCrowd   = 250 * time.Millisecond
	quietForMB     = time.Second
	quietCrowdFrom = 500
)

// quiet returns how long a stream of that size may be idle.
func (f *follower) quiet(bytes int64) time.Duration {
	if f.IdleTimeout > 0 {
		return f.IdleTimeout
	}
	quiet := time.Duration(bytes>>10) * (quietForMB >> 10)
	if f.awake.Load() >= quietCrowdFrom {
		return quiet + quietInCrowd
	}
	return quiet + cmp.Or(f.quietAfter, quietAfter)
}

// isOver reports whether a stream without unread data counts as ended.
func (f *follower) isOver() bool {
	select {
	case <-f.WriterGone:
		return true
	default:
		return f.IdleTimeout > 0
	}
}

func (f *follower) summary() (s Summary) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, run := range f.runs {
		switch {
		case run.state == projections.Failed:
			s.Failed++
		case run.state == projections.Complete && run.ended:
			s.Complete++
		case run.state == projections.Complete:
			s.CompleteSoFar++
		default:
			s.Active++
		}
	}
	for _, path := range slices.Sorted(maps.Keys(f.skipped)) {
		if path == f.path || isThere(path) { // a run in a folder may have been removed
			s.Skipped = append(s.Skipped, f.skipped[path])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(f.unread)) {
		if cannotLook(path) || errors.Is(f.unread[path], layout.ErrLink) && isThere(path) {
			s.Unread = append(s.Unread, f.unread[path])
		}
	}
	return s
}

// warn records and reports a folder or file that cannot be examined.
func (f *follower) warn(err error) {
	if unread, ok := errors.AsType[*tail.UnreadableError](err); ok {
		f.mu.Lock()
		f.unread[unread.Path] = err
		f.mu.Unlock()
	}
	if f.isNews("", err) {
		f.Report.Warn(err)
	}
}

// isNews reports whether an error was not reported yet: a stream that changes repeatedly has the same
// error each time.
func (f *follower) isNews(run domain.RunID, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := string(run) + "\x00" + err.Error()
	known := f.reported[text]
	f.reported[text] = true
	return !known
}

// cannotLook reports whether a folder or file still exists but cannot be examined.
func cannotLook(path string) bool {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		_, err = os.ReadDir(path)
	}
	return err != nil && !errors.Is(err, fs.ErrNotExist)
}

// skip records why a stream is skipped, shows it, and reports a new reason.
func (f *follower) skip(path string, run domain.RunID, err error) {
	f.mu.Lock()
	f.skipped[path] = err
	f.mu.Unlock()
	if f.View != nil && run != "" {
		f.View.Trouble(run, err.Error())
	}
	if f.isNews(run, err) {
		f.Report.Skipped(run, err)
	}
}

// claim assigns a run to a stream, and reports whether the run was known before.
func (f *follower) claim(source jsonl.Location) (known *run, again bool, err error) {
	if err := store.CheckRunID(source.Run); err != nil && f.sink != nil {
		return nil, false, &store.SourceError{Name: source.Path, Err: err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	known, again = f.runs[source.Run]
	switch {
	case again && known.path == source.Path:
		return known, true, nil
	case again && !isThere(source.Path):
		return nil, false, errMoved
	case again && isThere(known.path): // otherwise the stream was moved
		return nil, false, &store.DuplicateError{Run: source.Run, Name: source.Path, Taken: known.path}
	}
	known = &run{path: source.Path, state: projections.Active}
	f.runs[source.Run] = known
	return known, again, nil
}

// errMoved reports that a stream was moved, and is read at its new path.
var errMoved = errors.New("it is not there any more")

func isThere(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
