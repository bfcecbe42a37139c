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
	// Pass says that lines that are too long are passed over with [Stream.Pass]: they are
	// told of once they have ended, and their lengths are not bounded.
	Pass bool
	// AtOnce is how many streams may have a chunk in hand, or their file open, at the same
	// time; the next one waits for one of them. 0 means [DefaultAtOnce]. Memory is bounded
	// by it where a folder has many streams.
	AtOnce int
	// Poll is how often a stream in which something happens is looked at
	// without being told of a change; 0 means [DefaultPoll]. It becomes up to eight
	// times as long while nothing happens.
	Poll time.Duration
	// Gone is how long a file that is gone is waited for; 0 stands for as long
	// as it takes. Then [Stream.Next] returns fs.ErrNotExist.
	Gone time.Duration
	// PollOnly does without the operating system's watcher.
	PollOnly bool
	// Warn, when set, is told of what following goes on without: a watcher, or
	// a folder that cannot be read. It is told once of each, by the goroutine
	// that called Follow.
	Warn func(error)
}

// The defaults of options.
const (
	DefaultMaxLine = 16 << 20
	DefaultAtOnce  = 128
	DefaultPoll    = 250 * time.Millisecond
)

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
	return o
}
