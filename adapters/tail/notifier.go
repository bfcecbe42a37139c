package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// notifier receives the events of the operating system's watcher without delay, so that none is lost
// while the follower is busy. It wakes the streams that are followed, and collects the names of all
// other files for take. Names are canonical, because a watcher reports a folder by one name only.
type notifier struct {
	watcher *fsnotify.Watcher // nil without a watcher
	// isStream reports whether the file at a path is a stream.
	isStream func(path string) bool
	// signal receives a value when something has changed.
	signal chan struct{}
	done   chan struct{} // closed when the watcher has ended

	mu sync.Mutex
	// base is the canonical name of the followed folder, root its path.
	base, root string
	streams    map[string]*Stream   // by the stream's name
	linked     map[string][]*Stream // by the name of the link's target
	news       news
}

// news holds the events that do not concern a followed stream.
type news struct {
	names map[string]struct{}
	// lost is set if the watcher may have lost events.
	lost   bool
	errors []error
}

func newNotifier(isStream func(path string) bool) *notifier {
	return &notifier{
		isStream: isStream, signal: make(chan struct{}, 1), done: make(chan struct{}),
		streams: map[string]*Stream{}, linked: map[string][]*Stream{},
	}
}

// start starts watching.
func (n *notifier) start() error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("changes are noticed late, because the system provides no watcher: %w", err)
	}
	n.watcher = watcher
	go n.listen()
	return nil
}

func (n *notifier) close() {
	if n.watcher != nil {
		_ = n.watcher.Close() // nothing can be done about an error
		<-n.done
	}
}

// watch watches a folder.
func (n *notifier) watch(folder string) error {
	if n.watcher == nil {
		return nil
	}
	err := n.watcher.Add(folder)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	hint := ""
	if errors.Is(err, syscall.ENOSPC) {
		hint = "; on Linux, fs.inotify.max_user_watches says how many folders can be watched"
	}
	return fmt.Errorf("changes in %s, and maybe elsewhere, are noticed late, because the system cannot watch it: %w%s", printable.Name(folder), err, hint)
}

func (n *notifier) unwatch(folder string) {
	if n.watcher != nil {
		_ = n.watcher.Remove(folder) // the folder may be gone
	}
}

// listen records events until the watcher is closed.
func (n *notifier) listen() {
	defer close(n.done)
	for {
		select {
		case event, ok := <-n.watcher.Events:
			if !ok {
				return
			}
			n.changed(event)
		case err, ok := <-n.watcher.Errors:
			if ok {
				n.failed(err)
			}
		}
	}
}

func (n *notifier) changed(event fsnotify.Event) {
	const place = fsnotify.Create | fsnotify.Remove | fsnotify.Rename
	name := filepath.Clean(event.Name)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, stream := range n.linked[name] {
		stream.wake()
	}
	if stream := n.streams[name]; stream != nil {
		stream.wake()
		return
	}
	if path, ok := moved(name, n.base, n.root); event.Op&place != 0 || ok && n.isStream(path) {
		if n.news.names == nil {
			n.news.names = map[string]struct{}{}
		}
		n.news.names[name] = struct{}{}
		n.tell()
	}
}

// failed records an error of the watcher, which may have lost events.
func (n *notifier) failed(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.news.lost = true
	if !errors.Is(err, fsnotify.ErrEventOverflow) {
		n.news.errors = append(n.news.errors, fmt.Errorf("the watcher of changes: %w", err))
	}
	for _, stream := range n.streams {
		stream.wake()
	}
	n.tell()
}

func (n *notifier) tell() {
	select {
	case n.signal <- struct{}{}:
	default: // a signal is already pending
	}
}

// place sets the path of the followed folder, and the name that events use for it.
func (n *notifier) place(base, root string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.base, n.root = base, root
}

// take returns the news since the previous call.
func (n *notifier) take() news {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.news
	n.news = news{}
	return taken
}

// add makes the notifier wake a stream when the file of this name or, for a link, its target changes.
func (n *notifier) add(s *Stream, name, target string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.streams[name] = s
	if target != "" {
		n.linked[target] = append(n.linked[target], s)
	}
}

// remove undoes add.
func (n *notifier) remove(s *Stream, name, target string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.streams, name)
	if rest := slices.DeleteFunc(n.linked[target], func(other *Stream) bool { return other == s }); len(rest) > 0 {
		n.linked[target] = rest
	} else {
		delete(n.linked, target)
	}
}
