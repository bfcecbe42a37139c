package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
)

// publishing sends streams, several at a time.
type publishing struct {
	publisher *broker.Publisher
	limit     int           // of a segment, in bytes
	giveUp    time.Duration // for how long the end of standard input is tried to be sent
	streams   jsonl.Streams
	folder    bool
	following bool
	bar       *progress

	mu     sync.Mutex
	paths  map[domain.RunID]string  // of the streams that were begun
	told   map[string]string        // what was wrong last with the one at a path
	left   map[string]tail.Position // where the one at a path was left, whose run had finished
	runs   int                      // that were sent to their end
	stats  broker.Stats
	status int // what went wrong with single streams
}

// atOnce is how many streams are sent at the same time.
const atOnce = 4

// all sends streams as they are.
func (p *publishing) all(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for at, err := range p.streams.Locations() {
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			err = p.claim(at)
		}
		if err != nil {
			p.setAside(at, err)
			continue
		}
		group.Go(func() error { return p.whole(ctx, at) })
	}
	return group.Wait()
}

// whole sends a stream from its start to its end.
func (p *publishing) whole(ctx context.Context, source jsonl.Location) error {
	file, err := source.Open()
	if err != nil {
		return p.sent(source, broker.Stats{}, err)
	}
	defer file.Close()
	var stats broker.Stats
	if source.Path == jsonl.Stdin {
		stats, err = p.pipe(ctx, source.Run, file.Bytes())
	} else {
		stats, err = p.publisher.PublishStream(ctx, source.Run, &counted{file: file, read: &p.bar.read})
	}
	if file.Cut() && (err == nil || errors.Is(err, jsonl.ErrCut)) { // which is no error, as a torn tail is none
		say(p.bar, source.Path+": the compressed file is cut off; its whole lines were published; publish it again when you have all of it")
		err = nil
	}
	return p.sent(source, stats, err)
}

// counted counts the bytes of a file that are read.
type counted struct {
	file *jsonl.File
	read *atomic.Int64
	done int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.file.Bytes().Read(p)
	done := c.file.Done()
	c.read.Add(done - c.done)
	c.done = done
	return n, err
}

// pipe sends what is read as it comes. A read that is under way when ctx ends is
// left behind. What is sent is nowhere else: while more is to come, a broker that is
// away is waited for.
func (p *publishing) pipe(ctx context.Context, run domain.RunID, r io.Reader) (broker.Stats, error) {
	sending, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	live := p.publisher.Live(sending, run)
	read := make(chan error, 1)
	go func() { read <- p.lines(live, run, r) }()
	select {
	case err := <-read:
		defer time.AfterFunc(p.giveUp, func() { stop(errGivenUp) }).Stop()
		stats, wrong := live.Close()
		if wrong != nil && errors.Is(context.Cause(sending), errGivenUp) {
			wrong = fmt.Errorf("%w: %v", errGivenUp, wrong)
		}
		if err = errors.Join(err, wrong); err == nil && stats.Segments == 0 { // there was nothing
			return p.publisher.PublishStream(ctx, run, strings.NewReader(""))
		}
		return stats, err
	case <-ctx.Done():
		stats, _ := live.Close()
		return stats, ctx.Err()
	}
}

// errGivenUp ends the sending of standard input.
var errGivenUp = errors.New("the broker does not take the end of the stream; what it has not taken is lost, unless there is a file of it")

// lines adds what is read, line by line, to live. What no line feed ends is its
// tail.
func (p *publishing) lines(live *broker.Live, run domain.RunID, r io.Reader) error {
	piece := make([]byte, 0, p.limit+1)
	for offset := int64(0); ; {
		n, err := r.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		whole := bytes.LastIndexByte(piece, '\n') + 1
		if err := live.Add(offset, piece[:whole]); err != nil {
			return err
		}
		offset += int64(whole)
		piece = append(piece[:0], piece[whole:]...)
		switch {
		case len(piece) > p.limit:
			return &broker.LineTooLongError{Run: run, Offset: offset, Length: int64(len(piece)), Limit: p.limit}
		case errors.Is(err, io.EOF) && len(piece) > 0:
			return live.Tail(offset, piece)
		case errors.Is(err, io.EOF), errors.Is(err, jsonl.ErrCut):
			return nil
		case err != nil:
			return err
		}
	}
}

// follow sends streams as they grow, until they have ended.
func (p *publishing) follow(ctx context.Context) error {
	p.following = true
	options := tail.Options{MaxLine: p.streams.Options.MaxLine, Head: follow.RefuseCompressed, Warn: p.warn}
	return tail.Follow(ctx, p.streams.Paths[0], options, p.growing)
}

// growing sends a stream until its run has finished.
func (p *publishing) growing(ctx context.Context, stream *tail.Stream) error {
	source := jsonl.Locate(stream.Path())
	if !p.folder {
		source = jsonl.Locate(p.streams.Paths[0])
		source.Run = cmp.Or(p.streams.Run, source.Run)
	}
	if err := p.claim(source); err != nil {
		p.setAside(source, err)
		return nil
	}
	p.mu.Lock()
	left, ended := p.left[source.Path]
	p.mu.Unlock()
	if ended && stream.Holds(left) {
		return nil
	} else if ended {
		stream.Resume(left)
	}
	live := p.publisher.Live(ctx, source.Run)
	err := p.grow(ctx, source, live, stream, ended)
	stats, wrong := live.Close()
	if wrong != nil { // which is why err is there
		err = wrong
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	var file *fs.PathError
	if errors.As(err, &file) { // who may read it can change, and the file not
		stream.Again()
	}
	return p.sent(source, stats, err)
}

// warn tells what is wrong beside streams.
func (p *publishing) warn(err error) {
	var unread *tail.UnreadableError
	if errors.As(err, &unread) { // there may be streams in it
		p.mu.Lock()
		p.status = worse(p.status, statusIO)
		p.mu.Unlock()
	}
	tell(p.bar, err)
}

// piece is how much of a stream that grows is read at once.
const piece = 256 << 10

// grow adds a stream to live until its run has finished, if it had not before. Each piece is
// let go before the next one is read, so that many streams need little memory.
func (p *publishing) grow(ctx context.Context, source jsonl.Location, live *broker.Live, stream *tail.Stream, ended bool) error {
	run := watched{decoder: jsonl.NewSegments(p.streams.Options), run: source.Run, ended: ended}
	for !run.ended {
		chunk, err := stream.Next(ctx, piece)
		if err == nil {
			err = run.add(live, chunk)
		}
		if err != nil {
			return err
		}
	}
	for { // what was written behind its end
		left := stream.Position()
		chunk, err := stream.Rest(piece)
		switch {
		case errors.Is(err, io.EOF):
			p.leave(source, left)
			return nil
		case err == nil && chunk.Tail && len(chunk.Data) == 0:
			return &broker.LineTooLongError{Run: source.Run, Offset: chunk.Offset, Length: int64(p.streams.Options.MaxLine), Limit: p.limit}
		case err == nil && chunk.Tail:
			p.leave(source, left)
			return live.Tail(chunk.Offset, chunk.Data)
		case err == nil:
			err = run.add(live, chunk)
		}
		if err != nil {
			return err
		}
	}
}

// leave takes note of where a stream was left.
func (p *publishing) leave(source jsonl.Location, at tail.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left[source.Path] = at
}

// watched looks for the end of a run.
type watched struct {
	decoder *jsonl.Segments // which skips what is malformed
	run     domain.RunID
	lines   int64
	ended   bool
}

// add sends whole lines.
func (w *watched) add(live *broker.Live, chunk tail.Chunk) error {
	segment := domain.Segment{Run: w.run, Offset: chunk.Offset, Data: chunk.Data}
	lines, err := w.decoder.Decode(&segment, w.decoder.ReadOptions(), w.lines, func(entry *domain.Entry) {
		w.ended = w.ended || entry.Event.Kind == domain.RunFinished
	})
	if err != nil {
		return err
	}
	w.lines += lines
	if err := live.Add(chunk.Offset, chunk.Data); err != nil {
		return err
	}
	return live.Flush()
}
