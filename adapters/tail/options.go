package tail

import (
	"strings"
	"time"
)

// Options are the options of [Follow]. The zero value selects the defaults.
type Options struct {
	// Stream reports whether the file at a path in a folder is a stream. The default is every file
	// whose name ends in .jsonl. Several goroutines call it.
	Stream func(path string) bool
	// MaxLine is the maximum length of a line in bytes, without its line ending; 0 means
	// [DefaultMaxLine]. It bounds the memory of a stream.
	MaxLine int
	// Head, if set, is called with the first bytes of each stream, at most four, before the stream
	// is used. [Stream.Next], Rest and Look return its error. Several goroutines call it.
	Head func(path string, first []byte) error
	// Quiet, if set, returns how long a stream may be idle, after that many bytes of it were read,
	// before [Stream.Next] returns [ErrIdle]. Several goroutines call it.
	Quiet func(bytes int64) time.Duration
	// Over, if set, is closed when no writer is left. The streams are then read to their ends, Next
	// returns [ErrIdle] instead of waiting, and Follow returns.
	Over <-chan struct{}
	// AtOnce is how many streams may hold a chunk or an open file at the same time; the other streams
	// wait. 0 means [DefaultAtOnce]. It bounds the memory for a folder with many streams.
	AtOnce int
	// Poll is the interval at which an active stream is checked without a notification; 0 means
	// [DefaultPoll]. While nothing happens, the interval becomes up to eight times as long.
	Poll time.Duration
	// Gone is how long to wait for a file that does not exist or no longer exists; 0 means without
	// limit. After that, [Stream.Next] or Follow returns fs.ErrNotExist.
	Gone time.Duration
	// PollOnly disables the operating system's watcher.
	PollOnly bool
	// Warn, if set, reports what Follow continues without: a watcher, or a folder that it cannot
	// read. The goroutine that called Follow calls it once for each problem.
	Warn func(error)

	tick time.Duration // see state
}

// Default values of [Options].
const (
	DefaultMaxLine = 16 << 20
	DefaultAtOnce  = 128
	DefaultPoll    = 250 * time.Millisecond
)

// defaultTick is longer than the timestamp resolution of any file system: two seconds on FAT, some
// milliseconds on current ones.
const defaultTick = 2100 * time.Millisecond

// maxMaxLine prevents overflow when something is added to MaxLine.
const maxMaxLine = 1 << 30

// slowest is the factor by which a polling interval grows at most while nothing happens.
const slowest = 8

func (o Options) withDefaults() Options {
	if o.Stream == nil {
		o.Stream = func(path string) bool { return strings.HasSuffix(path, ".jsonl") }
	}
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	o.MaxLine = min(o.MaxLine, maxMaxLine)
	if o.AtOnce <= 0 {
		o.AtOnce = DefaultAtOnce
	}
	if o.Poll <= 0 {
		o.Poll = DefaultPoll
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	if o.tick <= 0 {
		o.tick = defaultTick
	}
	return o
}

// isOver reports whether no writer is left.
func (o *Options) isOver() bool {
	select {
	case <-o.Over:
		return true
	default:
		return false
	}
}
