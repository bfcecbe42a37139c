package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync/atomic"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// sources are the streams that a command line names.
type sources struct {
	paths []string
	// many says that they may be those of several runs: of a folder, or because several
	// are named. Otherwise there is one.
	many bool
	// folder says that a folder is among them, piped that a pipe is.
	folder  bool
	piped   bool
	single  jsonl.Location
	options jsonl.Options
}

// find looks at what a command line names.
func (f *readFlags) find(paths []string) (sources, error) {
	options, err := f.options()
	if err != nil {
		return sources{}, err
	}
	s := sources{paths: paths, many: len(paths) > 1, single: jsonl.Locate(paths[0]), options: options}
	for _, path := range paths {
		if path == jsonl.Stdin {
			s.piped = true
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return s, fmt.Errorf("cannot read the stream: %w", err)
		}
		if !info.IsDir() {
			s.piped = s.piped || !info.Mode().IsRegular()
			continue
		}
		s.many, s.folder = true, true
		if f.runID != "" {
			return s, usageError(fmt.Errorf("--run-id names one run, and %s is a folder of runs", report.Printable(path)))
		}
	}
	switch {
	case f.runID != "" && s.many:
		return s, usageError(errors.New("--run-id names one run, and several streams are named"))
	case f.runID != "":
		s.single.Run = domain.RunID(f.runID)
	}
	return s, nil
}

// all yields the streams one by one.
func (s sources) all() iter.Seq2[jsonl.Location, error] {
	if s.many {
		return jsonl.Walk(s.paths...)
	}
	return func(yield func(jsonl.Location, error) bool) { yield(s.single, nil) }
}

// found is one of several streams, or why there is none.
type found struct {
	source jsonl.Location
	err    error
}

// found is all, a value at a time.
func (s sources) found() iter.Seq[found] {
	return func(yield func(found) bool) {
		for source, err := range s.all() {
			if !yield(found{source, err}) {
				return
			}
		}
	}
}

// reading are the options to read source with.
func (s sources) reading(source jsonl.Location) jsonl.Options {
	options := s.options
	options.Name = source.Path
	return options
}

// recordings are the streams as a store takes them. The bytes that are read
// are counted in read.
func (s sources) recordings(read *atomic.Int64) store.Sources {
	if s.many {
		return jsonl.Streams{Paths: s.paths, Options: s.options, Read: read}
	}
	return store.Single(s.recording(read))
}

// recording is the one stream that there is, as a store takes it.
func (s sources) recording(read *atomic.Int64) store.Source {
	return s.single.Source(s.reading(s.single)).Counting(read)
}

// interruptible is a stream that ends when its context does.
type interruptible struct {
	ctx    context.Context
	stream projections.Stream
}

func (i interruptible) Next() ([]domain.Entry, error) {
	if err := i.ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := i.stream.Next()
	if err != nil {
		err = cmp.Or(i.ctx.Err(), err)
	}
	return entries, err
}

// ahead returns the stream in file, decoded ahead on another core, until the
// context ends: that also ends the waiting for what a pipe may never bring.
// stop is to be called when the stream has been read.
func ahead(ctx context.Context, file *jsonl.File, options jsonl.Options) (stream projections.Stream, stop func()) {
	a := jsonl.NewAhead(jsonl.NewReader(file, options))
	unwatch := context.AfterFunc(ctx, a.Close)
	return interruptible{ctx, a}, func() {
		unwatch()
		a.Close()
	}
}

// include reports whether the file at path is one of the streams.
func (s sources) include(path string) bool {
	target, err := os.Stat(path)
	if err != nil {
		return false
	}
	for source, err := range s.all() {
		if err != nil || source.Path == jsonl.Stdin {
			continue
		}
		if info, err := os.Stat(source.Path); err == nil && info.Mode().IsRegular() && os.SameFile(info, target) {
			return true
		}
	}
	return false
}

// size returns how many bytes the streams take up, as far as is known.
func (s sources) size() int64 {
	var size int64
	for source, err := range s.all() {
		if err != nil {
			continue
		}
		if info, err := os.Stat(source.Path); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
	}
	return size
}
