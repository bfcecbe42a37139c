package jsonl

import (
	"errors"
	"iter"
	"os"

	"github.com/quire-ci/quire-project/adapters/internal/layout"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// ErrNoStream is returned for a folder without a stream.
var ErrNoStream = errors.New("there is no *.jsonl in this folder")

// Walk yields the streams at paths, in this order. A path is a file, [Stdin], or a folder.
// The streams of a folder are all its *.jsonl files at any depth, compressed ones
// included, in the order of their paths; but a folder with an events.jsonl has no other
// stream, in it or below it. Walk does not follow symbolic links to folders, except those
// in paths.
//
// Walk yields an error and continues if it cannot read something, for a folder without any
// stream ([ErrNoStream]), for a link to a folder elsewhere, and for the second stream of a
// run (*[store.DuplicateError]).
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

// walk is the state of Walk. Its methods report whether it continues.
type walk struct {
	roots []string
	yield func(Location, error) bool
	at    string // the current root
	found bool   // something was found in it
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
	case layout.Link: // the walk finds its target elsewhere, or returns an error
		if err := layout.CheckLink(entry.Path, w.roots...); err != nil {
			return w.failed(entry.Path, err)
		}
		w.found = w.found || layout.CheckLink(entry.Path, w.at) != nil // another source has it
		return true
	}
	w.found = true
	return w.yield(Locate(entry.Path), nil)
}
