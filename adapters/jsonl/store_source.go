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
	"github.com/quire-ci/quire-project/projections/store"
)

// StoreSource is the stream of a run as a store takes it: a [store.Source].
type StoreSource struct {
	at      Location
	options Options
	read    *atomic.Int64
	whole   bool // lines only
}

// Source returns the stream at l for a store, which reads it with options.
func (l Location) Source(options Options) *StoreSource {
	return &StoreSource{at: l, options: options}
}

// Counting makes the source add the number of bytes that it reads from its file to read,
// for a progress bar.
func (s *StoreSource) Counting(read *atomic.Int64) *StoreSource {
	s.read = read
	return s
}

// WholeLines makes the source leave out a last line without a line feed, which its writer
// may not have finished. Use it for files that are not compressed.
func (s *StoreSource) WholeLines() *StoreSource {
	s.whole = true
	return s
}

// Run returns the id of the run.
func (s *StoreSource) Run() domain.RunID { return s.at.Run }

// Name returns the absolute path of the stream's file. For a stream from an archive, that is the
// path of the file from which the archive got it, if known.
func (s *StoreSource) Name() string {
	if s.at.In != nil {
		return cmp.Or(s.at.Origin, s.at.Path)
	}
	return nameOf(s.at.Path)
}

func nameOf(path string) string {
	if path == Stdin {
		return "standard input"
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return printable.Name(path)
}

// ReadOptions returns the options that the stream is read with, as a text for checkpoints.
func (s *StoreSource) ReadOptions() string { return s.options.text() }

// text returns the options that change the entries of a stream, as a text.
func (o *Options) text() string {
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

// As returns the source, with Skip if readOptions has it and the options are [AsBefore]: a run
// whose malformed line was skipped once does not fail later.
func (s *StoreSource) As(readOptions string) store.Source {
	before, err := parseReadOptions(readOptions)
	if s.options.OnMalformed != AsBefore || err != nil || before.OnMalformed != Skip {
		return s
	}
	as := *s
	as.options.OnMalformed = Skip
	return &as
}

// Once reports whether the stream can be read only once: a pipe or a terminal.
func (s *StoreSource) Once() bool {
	if s.at.Path == Stdin {
		return true
	}
	if s.at.In != nil {
		return false
	}
	info, err := os.Stat(s.at.Path)
	return err == nil && !info.Mode().IsRegular()
}

// Ends reports whether end is the mark at the end of the stream. It does not decode the
// stream.
func (s *StoreSource) Ends(ctx context.Context, end domain.Mark) (bool, error) {
	if s.at.Path == Stdin {
		return false, nil
	}
	if s.at.In != nil {
		return s.at.In.Ends(s.at.Run, end)
	}
	file, err := s.open()
	if err != nil {
		return false, err
	}
	defer file.Close()
	if !file.Regular {
		return false, nil
	}
	if err := file.decompress(); err != nil {
		return false, s.readError(0, err)
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
			return false, s.readError(n, err)
		case ctx.Err() != nil:
			return false, ctx.Err()
		}
	}
}

// scratches are buffers of [StoreSource.Ends]: there may be many short streams.
var scratches = sync.Pool{New: func() any { return new([maxBuffer]byte) }}

func (s *StoreSource) readError(at int64, err error) error {
	return &readError{s.at.Path, at, err}
}

func (s *StoreSource) open() (*File, error) {
	file, err := s.at.Open()
	if err != nil {
		return nil, err
	}
	file.raw.total = s.read
	if s.whole && file.Regular {
		if file.Size, err = wholeLines(file.file, file.Size); err != nil {
			_ = file.Close() // the first error is the one to report
			return nil, s.readError(0, err)
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

// aheadSize is the size in bytes from which on decoding on another core is faster.
const aheadSize = 1 << 20

// Open opens the stream. The end of ctx ends reading.
func (s *StoreSource) Open(ctx context.Context, known domain.Mark) (store.Stream, error) {
	return s.openUntil(ctx, known, nil)
}

// OpenUntil opens the stream. If it begins with the bytes of the mark end, it is read up to
// there, and to its own end otherwise.
func (s *StoreSource) OpenUntil(ctx context.Context, end domain.Mark) (store.Stream, error) {
	return s.openUntil(ctx, end, newUntil(end))
}

func (s *StoreSource) openUntil(ctx context.Context, known domain.Mark, until *until) (store.Stream, error) {
	file, err := s.open()
	if err != nil {
		return nil, err
	}
	file.until = until
	options := s.options
	options.Name = cmp.Or(options.Name, s.at.Path)
	options.Digest, options.Known = true, known
	reader := NewReader(file, options)
	return &openStream{reader, newEntries(ctx, file, reader, file.Size >= aheadSize || !file.Regular)}, nil
}

// openStream is a StoreSource that has been opened.
type openStream struct {
	*Reader
	entries *Entries
}

func (s *openStream) Next() ([]domain.Entry, error) { return s.entries.Next() }
func (s *openStream) Mark() domain.Mark             { return s.wholeMark }
func (s *openStream) End() domain.Mark              { return s.endMark }
func (s *openStream) More() bool                    { return s.entries.until != nil && s.entries.until.more }
func (s *openStream) Close() error                  { return s.entries.Close() }
