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

// Stream is a stream that is followed. Only the goroutine that [Follow] passed it to may use it.
type Stream struct {
	path    string
	options Options
	hands   hands
	woken   chan struct{} // receives a value when something may have changed

	offset int64 // of the first byte that was not returned yet
	least  int64 // the minimum size that the file is known to have
	// scanned is the offset up to which there is no line feed after offset.
	scanned int64
	// before are the last bytes before offset, as they were read.
	before []byte
	// file is the file that is read.
	file   fs.FileInfo
	seen   state     // the file's state at the latest check
	active time.Time // when it was last found to have grown
	gone   bool      // the file did not exist at the latest check
	since  time.Time // when that was first noticed
	retry  bool      // see Again

	given    hash.Hash // of the returned bytes
	verified state     // the file's state in which its contents were last known to match given
	check    *check    // the current comparison
	due      time.Time // when the next comparison may run

	acquired bool          // the stream holds a slot, and the latest chunk
	chunk    *[]byte       // the buffer of the latest chunk
	pause    time.Duration // until the file is checked without a notification
}

// Chunk is a piece of a stream.
type Chunk struct {
	// Offset is the offset of the first byte of Data.
	Offset int64
	// Data holds whole lines or, for a Tail, the beginning of one line. It is empty if that line is
	// too long and may be skipped.
	Data []byte
	// Tail is set if Data is the last line, without a line feed. Only [Stream.Rest] returns such a
	// chunk.
	Tail bool
	// SHA256 is the digest of the stream from its start to the end of Data.
	SHA256 [sha256.Size]byte
}

// End returns the offset after the last byte of Data.
func (c *Chunk) End() int64 { return c.Offset + int64(len(c.Data)) }

// newStream returns the stream at path, whose file has the state seen.
func newStream(path string, seen fs.FileInfo, options Options, hands hands) *Stream {
	return &Stream{
		path: path, options: options, hands: hands, woken: make(chan struct{}, 1), given: sha256.New(),
		seen: stateOf(seen, options.tick), pause: options.Poll, active: time.Now(),
	}
}

// Path returns the path of the stream.
func (s *Stream) Path() string { return s.path }

// Restart makes the stream start again at the beginning of the file that is now at its path.
func (s *Stream) Restart() {
	s.offset, s.scanned, s.least = 0, 0, 0
	s.verified, s.check, s.due = state{}, nil, time.Time{}
	s.given.Reset()
	s.before, s.file, s.gone = s.before[:0], nil, false
}

// Again makes [Follow] pass the stream on again some time after its release, even if its file has not
// changed. Call it if you do not read the stream for a reason outside the file. It has an effect in
// folders only.
func (s *Stream) Again() { s.retry = true }

// Look checks the file, and reads no more of it than [Options.Head] needs. If another file replaces it
// later, and something was read or is expected, the stream counts as rewritten.
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
		_ = file.Close() // the file was only read
	}
	return err
}

// Expect sets the minimum size of the file, because that many bytes were read before: a shorter
// file counts as rewritten. Restart cancels it.
func (s *Stream) Expect(bytes int64) { s.least = bytes }

// Seen returns the file's state at the latest check.
func (s *Stream) Seen() fs.FileInfo { return s.seen.FileInfo }

// Next waits for whole lines and returns them: at most limit bytes, unless a single line is longer. It
// does not return an incomplete last line, which its writer may continue. The chunk is valid until the
// next call of Next or Rest, or until the function that received the stream returns.
//
// Next waits for a file that is gone, since it may be about to be replaced. The error is
// [ErrRewritten] if another file appears, if the file is shorter than what was read or, maybe some
// time later, if it no longer contains what was read. Other errors are a [LineTooLongError],
// [ErrIdle], and those of ctx, of [Options.Head] and of the file.
func (s *Stream) Next(ctx context.Context, limit int) (Chunk, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Chunk{}, err
		}
		s.clearWake()
		last := s.options.isOver() // everything written before that is in the file
		chunk, err := s.take(ctx, limit, false)
		switch {
		case err != nil || len(chunk.Data) > 0:
			return chunk, err
		case s.gone && (last || s.timeLeft() <= 0):
			return Chunk{}, s.notThere()
		case last:
			return Chunk{}, ErrIdle
		}
		if err := s.idle(ctx); err != nil {
			return Chunk{}, err
		}
	}
}

// idle compares a piece of the file, or waits, while there is nothing to read.
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

// Rest returns the unread rest without waiting; call it when the writer is done. It returns whole
// lines like Next, followed by an incomplete last line, followed by io.EOF. Before the last line
// and io.EOF, it verifies that the file contains what was read.
func (s *Stream) Rest(limit int) (Chunk, error) {
	chunk, err := s.take(s.hands.ctx, limit, true)
	if read := s.seen; err == nil && !s.gone && (len(chunk.Data) == 0 || chunk.Tail) {
		err = s.verify()
		if err == nil && !s.gone && s.seen.Size() != read.Size() && !chunk.Tail {
			return s.Rest(limit) // the file has grown in the meantime
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

// wake makes a waiting Next check the file. It never blocks.
func (s *Stream) wake() {
	select {
	case s.woken <- struct{}{}:
	default: // a check is already pending
	}
}

// miss records that the file does not exist.
func (s *Stream) miss() {
	if !s.gone {
		s.gone, s.since = true, time.Now()
	}
}

// timeLeft returns how much longer to wait for a file that is gone.
func (s *Stream) timeLeft() time.Duration {
	if s.options.Gone <= 0 || !s.gone {
		return math.MaxInt64
	}
	return s.options.Gone - time.Since(s.since)
}

func (s *Stream) notThere() error {
	return &fs.PathError{Op: "open", Path: printable.Name(s.path), Err: fs.ErrNotExist}
}

// clearWake clears a pending notification, because the file is about to be checked.
func (s *Stream) clearWake() {
	select {
	case <-s.woken:
	default:
	}
}

// wait waits until there may be more to read, but not for longer than most.
func (s *Stream) wait(ctx context.Context, most time.Duration) error {
	timer := time.NewTimer(min(most, s.pause, s.timeLeft()))
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
