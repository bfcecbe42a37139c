package tail

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"io/fs"
	"math"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// Stream is one stream that is followed. It is used by one goroutine, the one
// that it was handed to.
type Stream struct {
	path    string
	options Options
	hands   hands
	woken   chan struct{} // has one when something may have changed

	offset int64 // of the first byte that was not given
	least  int64 // that the file is known to have
	// scanned is how far no line feed is, from offset on.
	scanned int64
	// before are the last bytes before offset, as they were read.
	before []byte
	// file is the one that is read.
	file   fs.FileInfo
	seen   state     // how it was when it was looked at last
	active time.Time // when it was found to have grown last
	gone   bool      // the file was not there when it was looked for
	since  time.Time // when that was so first
	retry  bool      // see Again

	given    hash.Hash // of what was given
	verified state     // in which that was known to be in the file
	check    *check    // that is under way
	due      time.Time // when it goes on

	holding bool          // a hand, and with it the chunk that was given last
	chunk   *[]byte       // its buffer
	pause   time.Duration // until the file is looked at again without being told
}

// Chunk is a piece of a stream.
type Chunk struct {
	// Offset is that of Data's first byte.
	Offset int64
	// Data are whole lines or, for a Tail, the beginning of one; none, if that is too long
	// and may be passed over.
	Data []byte
	// Tail says that Data is the last line, which no line feed ends. Only
	// [Stream.Rest] gives it.
	Tail bool
	// SHA256 is the digest of the stream from its start to the end of Data.
	SHA256 [sha256.Size]byte
}

// End returns the offset behind the last byte of Data.
func (c *Chunk) End() int64 { return c.Offset + int64(len(c.Data)) }

// newStream returns the stream at path, whose file was seen like this.
func newStream(path string, seen fs.FileInfo, options Options, hands hands) *Stream {
	return &Stream{
		path: path, options: options, hands: hands, woken: make(chan struct{}, 1), given: sha256.New(),
		seen: stateOf(seen, options.tick), pause: options.Poll, active: time.Now(),
	}
}

// Path returns the stream's path.
func (s *Stream) Path() string { return s.path }

// Restart has the stream be read from its start again, whichever file it is now.
func (s *Stream) Restart() {
	s.offset, s.scanned, s.least = 0, 0, 0
	s.verified, s.check, s.due = state{}, nil, time.Time{}
	s.given.Reset()
	s.before, s.file, s.gone = s.before[:0], nil, false
}

// Again has the stream handed on again some time after it was let go of, though its
// file has not changed: for whoever does not read it for a reason that lies elsewhere.
// It counts in folders only.
func (s *Stream) Again() { s.retry = true }

// Look looks at the file, of which it reads no more than [Options.Head] needs. If another
// one takes its place after that, and something was read or is expected, it has been rewritten.
func (s *Stream) Look() (fs.FileInfo, error) {
	there, err := s.look()
	if err == nil && there && s.options.Head != nil {
		err = s.begins()
	}
	if err == nil && (!there || s.gone) {
		err = s.notThere()
	}
	return s.seen.FileInfo, err
}

// begins opens the file to see how it begins.
func (s *Stream) begins() error {
	file, err := s.open()
	if file != nil {
		_ = file.Close() // it was read only
	}
	return err
}

// Expect says that the file has at least so many bytes, because they have been read before: a
// shorter file has been rewritten. Restart cancels it.
func (s *Stream) Expect(bytes int64) { s.least = bytes }

// Seen returns how the file was when it was looked at last.
func (s *Stream) Seen() fs.FileInfo { return s.seen.FileInfo }

// Next waits for whole lines and returns those that are there: at most limit
// bytes, unless a single line is longer. A last line that has not ended is left:
// its writer is not done. The chunk is valid until Next or Rest is called
// again, or the function that the stream was handed to returns.
//
// A file that is gone is waited for, since it may be about to be replaced; if one
// comes back, or the file is shorter than what was given, the error is
// [ErrRewritten]; that is so too, though maybe some time later, if what was given is not
// in the file any more. Other errors are a [LineTooLongError], [ErrIdle], that of ctx, that of
// [Options.Head], and the file's.
func (s *Stream) Next(ctx context.Context, limit int) (Chunk, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Chunk{}, err
		}
		s.settle()
		last := s.options.isOver() // what was written before that is there
		chunk, err := s.take(ctx, limit, false)
		switch {
		case err != nil || len(chunk.Data) > 0:
			return chunk, err
		case s.gone && (last || s.patience() <= 0):
			return Chunk{}, s.notThere()
		case last:
			return Chunk{}, ErrIdle
		}
		if err := s.idle(ctx); err != nil {
			return Chunk{}, err
		}
	}
}

// idle does what is to be done while there is nothing to read, or waits.
func (s *Stream) idle(ctx context.Context) error {
	pause, err := s.inspect(ctx)
	if err != nil || pause == 0 {
		return err
	}
	if s.options.Quiet != nil && !s.gone && s.verified.FileInfo != nil && !changed(s.verified.FileInfo, s.seen.FileInfo) {
		quiet := s.options.Quiet(s.offset) - time.Since(s.active)
		if quiet <= 0 {
			return ErrIdle
		}
		pause = min(pause, quiet)
	}
	return s.wait(ctx, pause)
}

// Rest returns what was not given yet without waiting, for whoever knows that
// the writer is done: whole lines as Next does, then a last line that did not
// end, then io.EOF. Before it gives one of the latter two, what was given is in the file.
func (s *Stream) Rest(limit int) (Chunk, error) {
	chunk, err := s.take(s.hands.ctx, limit, true)
	if read := s.seen; err == nil && !s.gone && (len(chunk.Data) == 0 || chunk.Tail) {
		err = s.verify()
		if err == nil && !s.gone && s.seen.Size() != read.Size() && !chunk.Tail {
			return s.Rest(limit) // it has grown meanwhile
		}
		if err == nil {
			s.seen = read
		}
	}
	switch {
	case err != nil:
		return chunk, err
	case s.gone:
		return chunk, s.notThere()
	case len(chunk.Data) == 0 && !chunk.Tail:
		return chunk, io.EOF
	}
	return chunk, nil
}

// wake makes a Next that waits look at the file. It never blocks.
func (s *Stream) wake() {
	select {
	case s.woken <- struct{}{}:
	default: // it will look anyway
	}
}

// miss takes note that the file is not there.
func (s *Stream) miss() {
	if !s.gone {
		s.gone, s.since = true, time.Now()
	}
}

// patience returns for how much longer a file that is gone is waited for.
func (s *Stream) patience() time.Duration {
	if s.options.Gone <= 0 || !s.gone {
		return math.MaxInt64
	}
	return s.options.Gone - time.Since(s.since)
}

func (s *Stream) notThere() error {
	return &fs.PathError{Op: "open", Path: printable.Name(s.path), Err: fs.ErrNotExist}
}

// settle takes note that the file is about to be looked at.
func (s *Stream) settle() {
	select {
	case <-s.woken:
	default:
	}
}

// wait waits until there may be more to read, but not for longer than most.
func (s *Stream) wait(ctx context.Context, most time.Duration) error {
	timer := time.NewTimer(min(most, s.pause, s.patience()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.options.Over:
	case <-s.woken:
	case <-timer.C:
		s.pause = min(2*s.pause, slowest*s.options.Poll)
	}
	return nil
}
