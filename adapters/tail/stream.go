package tail

import (
	"context"
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
	// file is the one that is read, seen how it was when it was looked at last.
	file, seen fs.FileInfo
	gone       bool      // the file was not there when it was looked for
	retry      bool      // see Again
	since      time.Time // when that was so first

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
}

// End returns the offset behind the last byte of Data.
func (c *Chunk) End() int64 { return c.Offset + int64(len(c.Data)) }

// newStream returns the stream at path, whose file was seen like this.
func newStream(path string, seen fs.FileInfo, options Options, hands hands) *Stream {
	return &Stream{path: path, options: options, hands: hands, seen: seen, woken: make(chan struct{}, 1), pause: options.Poll}
}

// Path returns the stream's path.
func (s *Stream) Path() string { return s.path }

// Offset returns where the stream is read on from.
func (s *Stream) Offset() int64 { return s.offset }

// SetOffset sets where the stream is read on from: the beginning of a line, at
// first that of the stream. If no line begins there when the file is read, it
// has been rewritten.
func (s *Stream) SetOffset(offset int64) {
	s.offset, s.scanned, s.least = offset, offset, 0
	s.before = s.before[:0]
	if offset > 0 {
		s.before = append(s.before, '\n')
	}
	s.file, s.gone = nil, false
}

// Again has the stream handed on again some time after it was let go of, though its
// file has not changed: for whoever does not read it for a reason that lies elsewhere.
// It counts in folders only.
func (s *Stream) Again() { s.retry = true }

// Look looks at the file without reading it. If another one takes its place after
// that, and something was read or is expected, it has been rewritten.
func (s *Stream) Look() (fs.FileInfo, error) {
	there, err := s.look()
	if err == nil && !there {
		err = s.notThere()
	}
	return s.seen, err
}

// Expect says that the file has so many bytes at least, since somebody has read
// them: one that has fewer has been rewritten. SetOffset and Resume forget it.
func (s *Stream) Expect(bytes int64) { s.least = bytes }

// Skip has the stream read on from a later offset, where a line begins, of the same
// file.
func (s *Stream) Skip(offset int64) {
	file := s.file
	s.SetOffset(offset)
	s.file = file
}

// Seen returns how the file was when it was looked at last; nil before that.
func (s *Stream) Seen() fs.FileInfo { return s.seen }

// Next waits for whole lines and returns those that are there: at most limit
// bytes, unless a single line is longer. A last line that has not ended is left:
// its writer is not done. The chunk is valid until Next or Rest is called
// again, or the function that the stream was handed to returns.
//
// A file that is gone is waited for, since it may be about to be replaced; if one
// comes back, or the file is shorter than what was given, the error is
// [ErrRewritten]. Other errors are a [LineTooLongError], that of ctx, and the
// file's.
func (s *Stream) Next(ctx context.Context, limit int) (Chunk, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Chunk{}, err
		}
		s.settle()
		chunk, err := s.take(ctx, limit, false)
		if err != nil || len(chunk.Data) > 0 {
			return chunk, err
		}
		if s.gone && s.patience() <= 0 {
			return Chunk{}, s.notThere()
		}
		if err := s.wait(ctx); err != nil {
			return Chunk{}, err
		}
	}
}

// Rest returns what was not given yet without waiting, for whoever knows that
// the writer is done: whole lines as Next does, then a last line that did not
// end, then io.EOF.
func (s *Stream) Rest(limit int) (Chunk, error) {
	chunk, err := s.take(s.hands.ctx, limit, true)
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

// Idle reports whether Next would wait now.
func (s *Stream) Idle() bool {
	there, err := s.look()
	switch {
	case err != nil:
		return false
	case !there || s.seen.Size() == s.scanned:
		return true
	}
	file, err := s.open()
	if file == nil {
		return err == nil
	}
	defer file.Close()
	found, err := s.scan(file)
	return err == nil && !found
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

// wait waits until there may be more to read.
func (s *Stream) wait(ctx context.Context) error {
	timer := time.NewTimer(min(s.pause, s.patience()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.woken:
	case <-timer.C:
		s.pause = min(2*s.pause, slowest*s.options.Poll)
	}
	return nil
}
