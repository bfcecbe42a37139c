package jsonl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/quire-ci/quire-project/adapters/internal/layout"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Location says where the stream of one run is kept.
type Location struct {
	// Path is the stream's file, or [Stdin].
	Path string
	// Run is the id of the run that the stream records.
	Run domain.RunID
}

// Locate returns the location that path names, with the id of the run that
// [domain.RunIDOf] derives from the path.
func Locate(path string) Location {
	if path == Stdin {
		return Location{Path: Stdin, Run: domain.StdinRunID}
	}
	full := path
	if abs, err := filepath.Abs(path); err == nil {
		full = abs // events.jsonl is named by its folder, wherever one stands
	}
	return Location{Path: path, Run: domain.RunIDOf(filepath.ToSlash(full))}
}

// File is a stream that has been opened. It reads as the source's bytes before
// any compression; [NewReader] makes events of them.
type File struct {
	// Size is how many bytes the source takes up, 0 where that is not known.
	Size int64
	// Regular is set for a file that is all there, in contrast to a pipe or a
	// terminal, whose bytes come when they come.
	Regular bool

	file       *os.File
	raw        *counter
	plain      io.Reader // nil until the first read
	compressed bool
	cut        atomic.Bool
	until      *until // nil if the stream is read to its end
}

// Open opens the source's stream. What gzip or zstd has compressed is read as
// what it was before, whatever the file is called; if it was cut off, up to there, and
// the last line is torn.
func (l Location) Open() (*File, error) {
	if l.Path == Stdin {
		f, err := newFile(os.Stdin)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", printable.Error(err))
		}
		return f, nil
	}
	file, err := os.Open(l.Path)
	if err != nil {
		return nil, printable.Error(err)
	}
	f, err := newFile(file)
	if err != nil {
		_ = file.Close() // the first error is the one to report
		return nil, fmt.Errorf("%s: %w", printable.Name(l.Path), printable.Error(err))
	}
	return f, nil
}

func newFile(file *os.File) (*File, error) {
	f := &File{file: file, raw: &counter{src: file}}
	if info, err := file.Stat(); err == nil {
		if info.IsDir() {
			return nil, errors.New("is a folder, not a stream")
		}
		if f.Regular = info.Mode().IsRegular(); f.Regular {
			f.Size = info.Size()
		}
	}
	return f, nil
}

// decompress looks at the first bytes, which for a stream of events are never
// those of a compressed file.
func (f *File) decompress() error {
	peek := bufio.NewReaderSize(f.raw, 16)
	magic, err := peek.Peek(layout.MagicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	f.plain = peek
	if kind := layout.Compression(magic); kind != "" {
		f.plain, f.compressed = newCompressed(kind, peek, &f.cut), true
	}
	if f.until != nil {
		f.until.src, f.plain = f.plain, f.until
	}
	return nil
}

// Cut reports whether what has been read of the file was compressed data that was cut
// off: its end is missing, and the stream's last line is torn. It may be called while
// another goroutine reads.
func (f *File) Cut() bool { return f.cut.Load() }

// Read reads bytes of the stream.
func (f *File) Read(p []byte) (int, error) {
	if f.plain == nil { // not when it was opened: a pipe's first bytes are waited for
		if err := f.decompress(); err != nil {
			return 0, err
		}
	}
	return f.plain.Read(p)
}

// ErrCut ends the bytes of compressed data that was cut off: its last line is not known.
var ErrCut = errors.New("the compressed data is cut off; fetch the file again")

// Bytes reads the stream's own bytes, for a copy of it. Where they were cut off, it
// returns [ErrCut], and not the mark that makes the last line torn.
func (f *File) Bytes() io.Reader { return unmarked{f} }

type unmarked struct{ file *File }

func (u unmarked) Read(p []byte) (int, error) {
	n, err := u.file.Read(p)
	if u.file.Cut() { // the mark comes alone
		return 0, ErrCut
	}
	return n, err
}

// Done returns how many of the source's bytes have been read, out of Size. It
// may be called while another goroutine reads.
func (f *File) Done() int64 { return f.raw.n.Load() }

// Close closes the source, but never standard input. It may be called while
// another goroutine reads.
func (f *File) Close() error {
	if f.file == os.Stdin {
		return nil
	}
	return f.file.Close()
}
