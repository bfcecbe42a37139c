package tail

import (
	"strings"
	"time"
)

// Options are those of [Follow]; the zero value has the defaults.
type Options struct {
	// Stream says which files in a folder are streams, by their paths; nil
	// stands for those whose names end in .jsonl. It is called by several goroutines.
	Stream func(path string) bool
	// MaxLine is how long a line may be, in bytes without its end; 0 means
	// [DefaultMaxLine]. A stream's memory is bounded by it.
	MaxLine int
	// Head, when set, is given the first bytes of each stream, up to four of them, before
	// anything else is done with it; what it returns, [Stream.Next], Rest and Look do.
	// It is called by several goroutines.
	Head func(path string, first []byte) error
	// Quiet, when set, says how long a stream of which so many bytes were given may be left
	// without growing before [Stream.Next] returns [ErrIdle]. It is called by several
	// goroutines.
	Quiet func(bytes int64) time.Duration
	// Over, when set, is closed once nothing will be written any more. What is there is
	// given then, Next returns [ErrIdle] where it would wait, and Follow ends.
	Over <-chan struct{}
	// AtOnce is how many streams may have a chunk in hand, or their file open, at the same
	// time; the next one waits for one of them. 0 means [DefaultAtOnce]. Memory is bounded
	// by it where a folder has many streams.
	AtOnce int
	// Poll is how often a stream in which something happens is looked at
	// without being told of a change; 0 means [DefaultPoll]. It becomes up to eight
	// times as long while nothing happens.
	Poll time.Duration
	// Gone is how long a file that is gone, or not there yet, is waited for; 0 stands for as
	// long as it takes. Then [Stream.Next] returns fs.ErrNotExist, or Follow does.
	Gone time.Duration
	// PollOnly does without the operating system's watcher.
	PollOnly bool
	// Warn, when set, is told of what following goes on without: a watcher, or
	// a folder that cannot be read. It is told once of each, by the goroutine
	// that called Follow.
	Warn func(error)

	tick time.Duration // see state
}

// The defaults of options.
const (
	DefaultMaxLine = 16 << 20
	DefaultAtOnce  = 128
	DefaultPoll    = 250 * time.Millisecond
)

// defaultTick is longer than a tick of the clock of any file system: those of FAT have
// two seconds, those of today some milliseconds.
const defaultTick = 2100 * time.Millisecond

// maxMaxLine keeps what is added to it from overflowing.
const maxMaxLine = 1 << 30

// slowest is how many times longer an interval of polling becomes while
// nothing happens.
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

// isOver reports whether nothing will be written any more.
func (o *Options) isOver() bool {
	select {
	case <-o.Over:
		return true
	default:
		return false
	}
}
