package tail

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/layout"
)

// share is the minimum ratio of the pause after a walk to the duration of the walk.
const share = 20

// walk visits everything that is followed, and watches the folders. It returns the minimum time until
// the next walk.
func (f *follower) walk() time.Duration {
	began := time.Now()
	f.walks++
	f.fresh = false
	f.base = canonical(f.folderOf())
	f.notifier.place(f.base, f.folderOf())
	if f.single {
		f.watch(f.base)
		f.file(f.root)
		return f.options.Poll
	}
	f.folder(f.root)
	for path, t := range f.turns {
		if t.stream == nil && t.met != f.walks {
			delete(f.turns, path)
		}
	}
	return share * time.Since(began)
}

// folderOf returns the root if it is a folder, or else the folder of the single stream.
func (f *follower) folderOf() string {
	if f.single {
		return filepath.Dir(f.root)
	}
	return f.root
}

// folder follows the streams in a folder. It watches the folder before it reads it, so that no new
// file is missed in between.
func (f *follower) folder(path string) {
	if f.ctx.Err() != nil {
		return
	}
	if name, ok := moved(path, f.root, f.base); ok {
		f.watch(name)
	}
	entries, err := layout.Read(path, f.options.Stream)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.warn(&UnreadableError{path, err})
	}
	for _, entry := range entries {
		f.entry(entry)
	}
}

// entry follows an entry of a folder.
func (f *follower) entry(entry layout.Entry) {
	switch entry.Kind {
	case layout.Folder:
		f.folder(entry.Path)
	case layout.Link:
		if err := layout.CheckLink(entry.Path, f.root); err != nil {
			f.warn(&UnreadableError{entry.Path, err})
		}
	case layout.Stream:
		if f.options.Stream(entry.Path) { // otherwise it is compressed, and does not grow
			f.file(entry.Path)
		}
	}
}

// file follows a stream, unless it is already followed or has not changed since it was last followed.
func (f *follower) file(path string) {
	t := f.turns[path]
	if t != nil {
		t.met = f.walks
		if t.stream != nil {
			return
		}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		if !errors.Is(err, fs.ErrNotExist) {
			f.warn(&UnreadableError{path, err})
		}
	case !info.Mode().IsRegular():
	case t == nil || changed(t.seen, info):
		f.fresh = true
		f.enqueue(path, info)
	case t.due > 0 && t.due <= f.walks, t.restless && stateOf(info, f.options.tick).sure:
		f.enqueue(path, info)
	}
}

// follows reports whether a stream is being followed.
func (f *follower) follows(path string) bool {
	t := f.turns[path]
	return t != nil && t.stream != nil
}

// hear acts on the watcher's news.
func (f *follower) hear(news news) {
	for _, err := range news.errors {
		f.warn(err)
	}
	if news.lost {
		f.walk()
		return
	}
	if f.single {
		f.file(f.root)
		return
	}
	for name := range news.names {
		path, ok := moved(name, f.base, f.root)
		if !ok || path == filepath.Clean(f.root) {
			continue
		}
		if kind := layout.KindOf(path, f.options.Stream); !f.follows(path) && !layout.Hidden(f.root, path) {
			f.entry(layout.Entry{Path: path, Kind: kind})
		}
	}
}

// watch watches a folder by its canonical name.
func (f *follower) watch(name string) {
	if err := f.notifier.watch(name); err != nil && !f.blind {
		f.blind = true
		f.warn(err)
	}
}
