package jsonl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
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
	// Path is the stream's file, or [Stdin]; for people, if an archive has the stream.
	Path string
	// Run is the id of the run that the stream records.
	Run domain.RunID
	// In has the stream, if it is not in a file.
	In Archive
	// Origin is the Path of the file that the archive had the stream from, if that is known.
	Origin string
}

// Archive has the streams of runs, uncompressed and not in files.
type Archive interface {
	// Locations yields the streams in the order of their runs, or that of one run if run is
	// not "". A stream that cannot be read comes with an error.
	Locations(run domain.RunID) iter.Seq2[Location, error]
	// Open opens the stream of a run, and returns its size.
	Open(run domain.RunID) (stream io.Reader, size int64, err error)
	// Ends reports whether the stream of a run is what end was taken of.
	Ends(run domain.RunID, end domain.Mark) (bool, error)
}

// Locate returns the location that path names, with the id of the run that
// [domain.RunIDOf] derives from the path.
func Locate(path string) Location {
	if path == Stdin {
		return Location{Path: Stdin, Run: domain.StdinRunID}
	}
	full := path
	if abs, err := filepath.Abs(path); err == nil {
		full = abs // events.jsonl has the name of its folder, which a relative path may not have
	}
	return Location{Path: path, Run: domain.RunIDOf(filepath.ToSlash(full))}
}

// File is an open stream. Read returns its bytes before any compression; [NewReader]
// makes events of them.
type File struct {
	// Size is the size of the file in bytes, compressed or not; 0 if it is not known.
	Size int64
	// Regular is set for a regular file, and not for a pipe or a terminal, whose bytes may
	// come later.
	Regular bool

	file       *os.File // nil if an archive has the stream
	archived   bool
	raw        *counter
	plain      io.Reader // nil until the first read
	compressed bool
	cut        atomic.Bool
	until      *until // nil if the stream is read to its end
}

// Open opens the stream. It decompresses gzip and zstd, whatever the file is called. If
// compressed data was cut off, the stream ends there, and its last line is torn.
func (l Location) Open() (*File, error) {
	if l.In != nil {
		stream, size, err := l.In.Open(l.Run)
		if err != nil {
			return nil, err
		}
		return &File{Size: size, Regular: true, archived: true, raw: &counter{src: stream}}, nil
	}
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

// decompress finds out by the first bytes whether the file is compressed: no stream of
// events begins like a compressed file.
func (f *File) decompress() error {
	f.plain = f.raw
	if !f.archived {
		peek := bufio.NewReaderSize(f.raw, 16)
		magic, err := peek.Peek(layout.MagicSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		f.plain = peek
		if kind := layout.Compression(magic); kind != "" {
			f.plain, f.compressed = newCompressed(kind, peek, &f.cut), true
		}
	}
	if f.until != nil {
		f.until.src, f.plain = f.plain, f.until
	}
	return nil
}

// Cut reports whether the compressed data ended early, once that end has been read: the
// stream's last line is torn. You can call it while another goroutine reads.
func (f *File) Cut() bool { return f.cut.Load() }

// Read reads bytes of the stream.
func (f *File) Read(p []byte) (int, error) {
	if f.plain == nil { // not in Open, which would wait for the first bytes of a pipe
		if err := f.decompress(); err != nil {
			return 0, err
		}
	}
	return f.plain.Read(p)
}

// ErrCut is returned at the end of compressed data that was cut off.
var ErrCut = errors.New("the compressed data is cut off; fetch the file again")

// Bytes returns a reader of the stream's own bytes, for a copy of it. At the end of data
// that was cut off, it returns [ErrCut], and not the mark that makes the last line torn.
func (f *File) Bytes() io.Reader { return unmarked{f} }

type unmarked struct{ file *File }

func (u unmarked) Read(p []byte) (int, error) {
	n, err := u.file.Read(p)
	if u.file.Cut() { // this read returned the mark alone
		return 0, ErrCut
	}
	return n, err
}

// Done returns how many bytes of Size have been read. You can call it while another
// goroutine reads.
func (f *File) Done() int64 { return f.raw.n.Load() }

// Close closes the file, but never standard input. You can call it while another
// goroutine reads.
func (f *File) Close() error {
	if f.archived || f.file == os.Stdin {
		return nil
	}
	return f.file.Close()
}

// counter counts the bytes that are read through it, and adds them to total if that is not nil.
type counter struct {
	src   io.Reader
	n     atomic.Int64
	total *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n.Add(int64(n))
	if c.total != nil {
		c.total.Add(int64(n))
	}
	return n, err
}
