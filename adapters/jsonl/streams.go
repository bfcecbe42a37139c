package jsonl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Streams are the streams at Paths, see [Walk]. It is a [store.Sources].
type Streams struct {
	Paths []string
	// Archives has the archives that paths name instead of files.
	Archives map[string]Archive
	// Run, if not "", is the id of the run. Set it only if Paths is one stream.
	Run     domain.RunID
	Options Options
	// Read, if set, counts the bytes that are read.
	Read *atomic.Int64
}

// ErrOneRun is in the error of [Find] if there may be several runs, and run names one.
var ErrOneRun = errors.New("--run-id is for one run")

// Find returns the streams at paths, which must exist, or are of archives. run is the id of a single
// stream, or "".
func Find(paths []string, run domain.RunID, archives map[string]Archive) (Streams, error) {
	s := Streams{Paths: paths, Run: run, Archives: archives}
	for _, path := range paths {
		if path == Stdin || archives[path] != nil {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return s, fmt.Errorf("cannot read the stream: %w", err)
		}
		if run != "" && info.IsDir() {
			return s, fmt.Errorf("%w, and %s is a folder of runs", ErrOneRun, printable.Name(path))
		}
	}
	if run != "" && s.Many() {
		return s, fmt.Errorf("%w, and several streams are named", ErrOneRun)
	}
	return s, nil
}

// Folder returns the streams of a folder.
func Folder(path string) Streams { return Streams{Paths: []string{path}} }

// Many reports whether there may be several streams: there are several paths, a folder, or an
// archive without a Run that names one of its streams.
func (s Streams) Many() bool { return len(s.Paths) > 1 || s.HasFolder() }

// HasFolder reports whether a folder, or an archive as a whole, is among the paths.
func (s Streams) HasFolder() bool {
	return s.Run == "" && len(s.Archives) > 0 || s.any(func(info os.FileInfo) bool { return info.IsDir() })
}

// HasPipe reports whether a pipe is among the paths: it can be read only once.
func (s Streams) HasPipe() bool {
	return slices.Contains(s.Paths, Stdin) || s.any(func(info os.FileInfo) bool { return !info.IsDir() && !info.Mode().IsRegular() })
}

func (s Streams) any(is func(os.FileInfo) bool) bool {
	for _, path := range s.Paths {
		if info, err := os.Stat(path); path != Stdin && err == nil && is(info) {
			return true
		}
	}
	return false
}

// Locations yields the locations of the streams, see [Walk].
func (s Streams) Locations() iter.Seq2[Location, error] {
	if len(s.Archives) > 0 {
		return s.mixed()
	}
	if len(s.Paths) != 1 || s.HasFolder() {
		return Walk(s.Paths...)
	}
	single := Locate(s.Paths[0])
	single.Run = cmp.Or(s.Run, single.Run)
	return func(yield func(Location, error) bool) { yield(single, nil) }
}

// mixed yields the locations of streams in files and in archives.
func (s Streams) mixed() iter.Seq2[Location, error] {
	all := func(yield func(Location, error) bool) {
		for _, path := range s.Paths {
			locations := Walk(path)
			if archive := s.Archives[path]; archive != nil {
				locations = archive.Locations(s.Run)
			}
			for at, err := range locations {
				if !yield(at, err) {
					return
				}
			}
		}
	}
	return store.Distinct(all, func(at Location) (domain.RunID, string) { return at.Run, at.Path })
}

// CheckAny returns an [ErrNoStream] if no stream is there.
func (s Streams) CheckAny() (none error) {
	for _, err := range s.Locations() {
		if !errors.Is(err, ErrNoStream) {
			return nil
		}
		none = cmp.Or(none, err)
	}
	return none
}

// All yields the streams for a store, in the order of their paths.
func (s Streams) All() iter.Seq2[store.Source, error] {
	return func(yield func(store.Source, error) bool) {
		for location, err := range s.Locations() {
			if !yield(s.Source(location), err) {
				return
			}
		}
	}
}

// Source returns one of the streams for a store.
func (s Streams) Source(at Location) *StoreSource {
	return at.Source(s.at(at)).Counting(s.Read)
}

func (s Streams) at(at Location) Options {
	options := s.Options
	options.Name = at.Path
	return options
}

// files yields the streams that are regular files.
func (s Streams) files() iter.Seq[os.FileInfo] {
	return func(yield func(os.FileInfo) bool) {
		for at, err := range s.Locations() {
			if err != nil || at.Path == Stdin || at.In != nil {
				continue
			}
			if info, err := os.Stat(at.Path); err == nil && info.Mode().IsRegular() && !yield(info) {
				return
			}
		}
	}
}

// Include reports whether the file at a path is one of the streams.
func (s Streams) Include(path string) bool {
	target, err := os.Stat(path)
	if err != nil {
		return false
	}
	for info := range s.files() {
		if os.SameFile(info, target) {
			return true
		}
	}
	return false
}

// Claims reports whether a file at a path, which need not exist yet, is one of the streams.
func (s Streams) Claims(path string) bool {
	if !strings.HasSuffix(path, ".jsonl") {
		return s.Include(path)
	}
	file, fileErr := filepath.Abs(path)
	return s.Include(path) || slices.ContainsFunc(s.Paths, func(root string) bool {
		folder, folderErr := filepath.Abs(root)
		inside, err := filepath.Rel(folder, file)
		return errors.Join(fileErr, folderErr, err) == nil && (inside == "." || LooksLikeFolder(root) && filepath.IsLocal(inside))
	})
}

// LooksLikeFolder reports whether a path is a folder or, if nothing is there yet, is not called like a
// stream.
func LooksLikeFolder(path string) bool {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return path != Stdin && !strings.HasSuffix(path, ".jsonl")
	}
	return err == nil && info.IsDir()
}

// Size returns the size of all streams that are regular files, in bytes.
func (s Streams) Size() (size int64) {
	for info := range s.files() {
		size += info.Size()
	}
	return size
}

// Entries are the entries of an open stream. The end of the context ends Next, even while it
// waits for a pipe.
type Entries struct {
	*File
	ctx     context.Context
	entries projections.Stream
	stop    func()
}

// Open opens one of the streams. With ahead it is decoded on another core.
func (s Streams) Open(ctx context.Context, at Location, options Options, ahead bool) (*Entries, error) {
	file, err := at.Open()
	if err != nil {
		return nil, err
	}
	file.raw.total = s.Read
	options.Name = at.Path
	return newEntries(ctx, file, NewReader(file, options), ahead), nil
}

func newEntries(ctx context.Context, file *File, reader *Reader, ahead bool) *Entries {
	e := &Entries{File: file, ctx: ctx, entries: reader, stop: func() {}}
	if ahead {
		decoding := NewAhead(reader)
		unwatch := context.AfterFunc(ctx, decoding.Close)
		e.entries = decoding
		e.stop = func() {
			unwatch()
			decoding.Close()
		}
	}
	return e
}

// Next returns the next entries, see [projections.Stream].
func (e *Entries) Next() ([]domain.Entry, error) {
	if err := e.ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := e.entries.Next()
	if err != nil {
		err = cmp.Or(e.ctx.Err(), err)
	}
	return entries, err
}

// Close stops decoding and closes the stream.
func (e *Entries) Close() error {
	e.stop()
	return e.File.Close()
}
