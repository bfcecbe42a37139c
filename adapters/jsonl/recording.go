package jsonl

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Recording is the stream of a run as a store takes it: a [store.Source].
type Recording struct {
	source  Source
	options Options
	read    *atomic.Int64
	whole   bool // lines only
}

// Recording returns the source as a store takes it, to be read with options.
func (s Source) Recording(options Options) *Recording {
	return &Recording{source: s, options: options}
}

// Counting makes the recording add the bytes that it reads from its file to
// read, for a progress bar.
func (r *Recording) Counting(read *atomic.Int64) *Recording {
	r.read = read
	return r
}

// WholeLines makes the recording leave out a last line that no line feed ends,
// because its writer may not be done. The stream has to be a file that is not
// compressed.
func (r *Recording) WholeLines() *Recording {
	r.whole = true
	return r
}

// Run returns the id of the run that the stream records.
func (r *Recording) Run() domain.RunID { return r.source.Run }

// Name returns the absolute path of the stream's file.
func (r *Recording) Name() string { return nameOf(r.source.Path) }

func nameOf(path string) string {
	if path == Stdin {
		return "standard input"
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return printable.Name(path)
}

// Reading says how the stream is read.
func (r *Recording) Reading() string { return r.options.reading() }

// reading says what the entries depend on besides the bytes.
func (o *Options) reading() string {
	malformed := "stop"
	if o.OnMalformed == Skip {
		malformed = "skip"
	}
	maxLine := o.MaxLine
	if maxLine <= 0 {
		maxLine = DefaultMaxLine
	}
	return fmt.Sprintf("on-malformed=%s max-line=%d", malformed, maxLine)
}

// As returns the recording, to be read with Skip if reading is and nothing else was
// asked for: a run with a malformed line that was skipped once is not to fail again.
func (r *Recording) As(reading string) store.Source {
	before, err := parseReading(reading)
	if r.options.OnMalformed != AsBefore || err != nil || before.OnMalformed != Skip {
		return r
	}
	as := *r
	as.options.OnMalformed = Skip
	return &as
}

// Once reports whether the stream is a pipe or a terminal.
func (r *Recording) Once() bool {
	if r.source.Path == Stdin {
		return true
	}
	info, err := os.Stat(r.source.Path)
	return err == nil && !info.Mode().IsRegular()
}

// Ends reports whether the stream is what end was taken of, without decoding it.
func (r *Recording) Ends(ctx context.Context, end domain.Mark) (bool, error) {
	if r.source.Path == Stdin {
		return false, nil
	}
	file, err := r.open()
	if err != nil {
		return false, err
	}
	defer file.Close()
	if !file.Regular {
		return false, nil
	}
	if err := file.decompress(); err != nil {
		return false, r.readError(0, err)
	}
	if !file.compressed && file.Size != end.Bytes {
		return false, nil
	}
	scratch := scratches.Get().(*[maxBuffer]byte)
	defer scratches.Put(scratch)
	hash := sha256.New()
	for n := int64(0); ; {
		k, err := file.Read(scratch[:])
		_, _ = hash.Write(scratch[:k]) // a hash never fails
		n += int64(k)
		switch {
		case n > end.Bytes:
			return false, nil
		case errors.Is(err, io.EOF) || !file.compressed && n == file.Size:
			return n == end.Bytes && [sha256.Size]byte(hash.Sum(nil)) == end.SHA256, nil
		case err != nil:
			return false, r.readError(n, err)
		case ctx.Err() != nil:
			return false, ctx.Err()
		}
	}
}

// scratches are what [Recording.Ends] reads into: most streams are short, and
// there are many.
var scratches = sync.Pool{New: func() any { return new([maxBuffer]byte) }}

func (r *Recording) readError(at int64, err error) error {
	return &readError{r.source.Path, at, err}
}

func (r *Recording) open() (*File, error) {
	file, err := r.source.Open()
	if err != nil {
		return nil, err
	}
	file.raw.total = r.read
	if r.whole && file.Regular {
		if file.Size, err = wholeLines(file.file, file.Size); err != nil {
			_ = file.Close() // the first error is the one to report
			return nil, r.readError(0, err)
		}
		file.raw.src = io.LimitReader(file.file, file.Size)
	}
	return file, nil
}

// wholeLines returns how many of the first size bytes of a file are whole lines.
func wholeLines(file io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, minBuffer)
	for end := size; end > 0; {
		begin := max(0, end-int64(len(buf)))
		part := buf[:end-begin]
		if n, err := file.ReadAt(part, begin); n < len(part) {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return begin + int64(i) + 1, nil
		}
		end = begin
	}
	return 0, nil
}

// aheadSize is from how many bytes on it pays to decode on another core.
const aheadSize = 1 << 20

// Open opens the stream, to be read until ctx ends.
func (r *Recording) Open(ctx context.Context, known domain.Mark) (store.Stream, error) {
	return r.openUntil(ctx, known, nil)
}

// OpenUntil opens the stream, to be read up to end if it begins with what end was
// taken of, and to its own end if it does not.
func (r *Recording) OpenUntil(ctx context.Context, end domain.Mark) (store.Stream, error) {
	return r.openUntil(ctx, end, newUntil(end))
}

func (r *Recording) openUntil(ctx context.Context, known domain.Mark, until *until) (store.Stream, error) {
	file, err := r.open()
	if err != nil {
		return nil, err
	}
	file.until = until
	options := r.options
	options.Name = cmp.Or(options.Name, r.source.Path)
	options.Digest, options.Known = true, known
	reader := NewReader(file, options)
	s := &recorded{Reader: reader, ctx: ctx, file: file, entries: reader, stop: func() {}}
	if file.Size >= aheadSize || !file.Regular {
		ahead := NewAhead(reader)
		unwatch := context.AfterFunc(ctx, ahead.Close)
		s.entries, s.stop = ahead, func() {
			unwatch()
			ahead.Close()
		}
	}
	return s, nil
}

// recorded is a recording that has been opened.
type recorded struct {
	*Reader
	ctx     context.Context
	file    *File
	entries projections.Stream
	stop    func()
}

func (s *recorded) Next() ([]domain.Entry, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := s.entries.Next()
	if err != nil {
		err = cmp.Or(s.ctx.Err(), err)
	}
	return entries, err
}

func (s *recorded) Mark() domain.Mark { return s.wholeMark }
func (s *recorded) End() domain.Mark  { return s.endMark }
func (s *recorded) More() bool        { return s.file.until != nil && s.file.until.more }

func (s *recorded) Close() error {
	s.stop()
	return s.file.Close()
}
