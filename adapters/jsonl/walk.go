package jsonl

import (
	"errors"
	"iter"
	"os"
	"sync/atomic"

	"github.com/quire-ci/quire-project/adapters/internal/layout"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// ErrNoStream is in the error of a folder in which there is no stream.
var ErrNoStream = errors.New("there is no *.jsonl in this folder")

// Walk yields the streams that paths name, in the order of paths: files, [Stdin], and
// folders. Those in a folder come in the order of their paths, one run each: every
// *.jsonl at any depth, compressed ones included; but a folder that has an
// events.jsonl has no other stream, in it or below it. Folders that are reached by a
// symbolic link are not entered, but those that are named may be ones.
//
// What cannot be read is yielded as an error, and the walk goes on: so are a folder
// without any stream ([ErrNoStream]), a link to a folder elsewhere, and the second
// stream of a run (*[store.DuplicateError]).
func Walk(paths ...string) iter.Seq2[Location, error] {
	all := func(yield func(Location, error) bool) {
		w := walk{roots: paths, yield: yield}
		for _, path := range paths {
			if !w.path(path) {
				return
			}
		}
	}
	return store.Distinct(all, func(s Location) (domain.RunID, string) { return s.Run, s.Path })
}

// walk is a walk under way. Its methods report whether it goes on.
type walk struct {
	roots []string
	yield func(Location, error) bool
	at    string // the root at hand
	found bool   // anything, in it
}

func (w *walk) path(path string) bool {
	if path != Stdin {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return w.failed(path, printable.Error(err))
		case info.IsDir():
			return w.root(path)
		}
	}
	return w.yield(Locate(path), nil)
}

func (w *walk) root(path string) bool {
	w.at, w.found = path, false
	if !w.folder(path) {
		return false
	}
	return w.found || w.failed(path, &store.SourceError{Name: printable.Name(path), Err: ErrNoStream})
}

func (w *walk) failed(path string, err error) bool {
	w.found = true
	return w.yield(Location{Path: path}, err)
}

func (w *walk) folder(path string) bool {
	entries, err := layout.Read(path, layout.IsStream)
	if err != nil && !w.failed(path, printable.Error(err)) {
		return false
	}
	for _, entry := range entries {
		if !w.entry(entry) {
			return false
		}
	}
	return true
}

func (w *walk) entry(entry layout.Entry) bool {
	switch entry.Kind {
	case layout.Folder:
		return w.folder(entry.Path)
	case layout.Link: // what it leads to is found where it is, or is an error
		if err := layout.CheckLink(entry.Path, w.roots...); err != nil {
			return w.failed(entry.Path, err)
		}
		w.found = w.found || layout.CheckLink(entry.Path, w.at) != nil // another source has it
		return true
	}
	w.found = true
	return w.yield(Locate(entry.Path), nil)
}

// Streams are those that paths name, see [Walk]: [store.Sources].
type Streams struct {
	Paths   []string
	Options Options
	// Read, when set, counts the bytes that are read.
	Read *atomic.Int64
}

// Folder returns the streams of a folder.
func Folder(path string) Streams { return Streams{Paths: []string{path}} }

// All yields the streams in the order of their paths.
func (s Streams) All() iter.Seq2[store.Source, error] {
	return func(yield func(store.Source, error) bool) {
		for source, err := range Walk(s.Paths...) {
			options := s.Options
			options.Name = source.Path
			if !yield(source.Source(options).Counting(s.Read), err) {
				return
			}
		}
	}
}
