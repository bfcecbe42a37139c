package jsonl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Source is where the stream of one run is kept.
type Source struct {
	// Path is the stream's file, or [Stdin].
	Path string
	// Run is the id of the run that the stream records.
	Run domain.RunID
}

// FileSource returns the source that path names, its run's id being derived
// from the path, see [domain.RunIDOf].
func FileSource(path string) Source {
	if path == Stdin {
		return Source{Path: Stdin, Run: domain.StdinRunID}
	}
	full := path
	if abs, err := filepath.Abs(path); err == nil {
		full = abs // events.jsonl is named by its folder, wherever one stands
	}
	return Source{Path: path, Run: domain.RunIDOf(filepath.ToSlash(full))}
}

// Walk yields the streams of a folder: every *.jsonl at any depth, compressed
// ones included, one run each, in the order of their paths. Folders that are
// reached by a symbolic link are not entered, but folder may be one. What cannot be read is yielded
// as an error, and the walk goes on.
func Walk(folder string) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		if info, err := os.Lstat(folder); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			folder += string(filepath.Separator) // the one link that is followed
		}
		_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				if !yield(Source{Path: path}, printable.Error(err)) {
					return fs.SkipAll
				}
			case isStream(path, entry) && !yield(FileSource(path), nil):
				return fs.SkipAll
			}
			return nil
		})
	}
}

func isStream(path string, entry fs.DirEntry) bool {
	name, compressed := strings.CutSuffix(entry.Name(), ".gz")
	if !compressed {
		name = strings.TrimSuffix(name, ".zst")
	}
	if !strings.HasSuffix(name, ".jsonl") || entry.IsDir() {
		return false
	}
	if entry.Type()&fs.ModeSymlink != 0 {
		info, err := os.Stat(path)
		return err != nil || info.Mode().IsRegular() // a dangling link is told of by Open
	}
	return entry.Type().IsRegular()
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
}

// Open opens the source's stream. What gzip or zstd has compressed is read as
// what it was before, whatever the file is called.
func (s Source) Open() (*File, error) {
	if s.Path == Stdin {
		f, err := newFile(os.Stdin)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", printable.Error(err))
		}
		return f, nil
	}
	file, err := os.Open(s.Path)
	if err != nil {
		return nil, printable.Error(err)
	}
	f, err := newFile(file)
	if err != nil {
		_ = file.Close() // the first error is the one to report
		return nil, fmt.Errorf("%s: %w", printable.Name(s.Path), printable.Error(err))
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
	magic, err := peek.Peek(4)
	f.plain = peek
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case strings.HasPrefix(string(magic), "\x1f\x8b"):
		unzip, err := gzip.NewReader(bufio.NewReaderSize(peek, minBuffer))
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		f.plain, f.compressed = unzip, true
	case isZstd(string(magic)):
		// With a concurrency of one, it has no goroutines and need not be closed:
		// somebody may be reading from it when the file is closed.
		unzstd, err := zstd.NewReader(peek, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return fmt.Errorf("zstd: %w", err)
		}
		f.plain, f.compressed = unzstd, true
	}
	return nil
}

// isZstd reports whether a file that begins with magic is one of zstd: a frame
// or, as parallel compressors write it first, one to skip (RFC 8878, 3.1).
func isZstd(magic string) bool {
	return magic == "\x28\xb5\x2f\xfd" || len(magic) == 4 && magic[0]&0xf0 == 0x50 && magic[1:] == "\x2a\x4d\x18"
}

// Read reads bytes of the stream.
func (f *File) Read(p []byte) (int, error) {
	if f.plain == nil { // not when it was opened: a pipe's first bytes are waited for
		if err := f.decompress(); err != nil {
			return 0, err
		}
	}
	return f.plain.Read(p)
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
