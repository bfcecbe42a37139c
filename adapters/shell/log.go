package shell

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// log is the log of a command, in the CRI log format. Both outputs write whole
// lines to it under its lock.
type log struct {
	mu   sync.Mutex
	file io.WriteCloser // not used once err is set
	now  func() time.Time
	// fail handles the first error, and returns what err becomes.
	fail func(error) error
	err  error
	copy io.Writer // gets a copy of the log, unless nil

	limit, size int64
	full        bool // the limit is reached; further output is discarded
}

// write adds lines. It drops lines beyond the limit, and adds a last one that says so.
func (l *log) write(p []byte) {
	if room := l.limit - l.size - lastLine; int64(len(p)) > room {
		l.full = true
		p = fmt.Appendf(p[:bytes.LastIndexByte(p[:max(room, 0)], '\n')+1], fullLine, l.now().UTC().Format(stamp), l.limit)
	}
	l.size += int64(len(p))
	if l.copy != nil {
		_, _ = l.copy.Write(p) // a display that fails does not fail the run
	}
	if l.err != nil {
		return // discard it, so that the command does not block
	}
	if _, err := l.file.Write(p); err != nil {
		l.err = l.fail(err)
	}
}

func (l *log) close() error {
	if err := l.file.Close(); err != nil && l.err == nil {
		l.err = l.fail(err)
	}
	return l.err
}

// stream is one of a command's outputs on its way into the log.
type stream struct {
	name     string
	buffer   []byte    // for reading the output
	redactor *redactor // nil if there are no secrets
	log      *log

	// held is the beginning of a line without an end. It is written at due, even if it has
	// grown meanwhile. If it is empty, due is zero.
	held []byte
	due  time.Time

	text  []byte // masked output
	head  []byte // the beginning of each line
	lines []byte // to be written
}

const (
	bufferSize = 64 << 10
	// maxPiece is the maximum size of a piece.
	maxPiece = 16 << 10
	// holdTime is how long the beginning of a line waits for the line's end.
	holdTime = time.Second
	// stamp always has nine digits, so that logs can be sorted.
	stamp = "2006-01-02T15:04:05.000000000Z07:00"
	// fullLine is the last line of a log that has reached its limit.
	fullLine = "%[1]s stderr F [the log has reached its limit of %[2]d bytes; the command continues, and the rest of its output is discarded]\n"
	lastLine = int64(len(fullLine) + len(stamp) + 19) // its maximum size
)

func newStream(name string, secrets *secrets) *stream {
	s := &stream{name: name, buffer: make([]byte, bufferSize)}
	if secrets != nil {
		s.redactor = &redactor{secrets: secrets}
	}
	return s
}

// to points the stream to another log, after its end.
func (s *stream) to(log *log) *stream {
	s.log = log
	return s
}

// note writes a line of our own as the whole output.
func (s *stream) note(log *log, line string) {
	s.to(log).write([]byte(line + "\n"))
	s.end()
}

// write takes some output.
func (s *stream) write(p []byte) {
	if len(p) == 0 {
		return
	}
	if s.redactor != nil {
		s.text = s.redactor.append(s.text[:0], p, false)
		p = s.text
	}
	s.put(p)
}

// flush writes the held beginning of a line as a piece.
func (s *stream) flush() {
	if len(s.held) > 0 {
		s.begin()
		s.piece('P', nil)
		s.finish()
	}
}

// end writes the held text at the end of the output.
func (s *stream) end() {
	if s.redactor != nil {
		s.text = s.redactor.append(s.text[:0], nil, true)
		s.put(s.text)
	}
	s.flush()
}

// put writes the lines of text, and holds what follows the last one.
func (s *stream) put(text []byte) {
	if len(text) == 0 {
		return
	}
	s.begin()
	if s.log.full {
		s.held, s.due, text = s.held[:0], time.Time{}, nil
	}
	for {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			break
		}
		s.piece('F', s.cut(text[:i]))
		text = text[i+1:]
	}
	s.held = append(s.held, s.cut(text)...)
	s.finish()
}

// cut writes pieces of the held bytes and text until they fit into one piece, and returns
// the rest of text.
func (s *stream) cut(text []byte) []byte {
	for len(s.held)+len(text) > maxPiece {
		room := maxPiece - len(s.held)
		s.piece('P', text[:room])
		text = text[room:]
	}
	return text
}

// begin locks the log, for lines with the current time.
func (s *stream) begin() {
	s.log.mu.Lock()
	s.head = s.log.now().UTC().AppendFormat(s.head[:0], stamp)
	s.head = append(append(append(s.head, ' '), s.name...), ' ')
}

// piece adds a line to the log that consists of the held bytes and text.
func (s *stream) piece(tag byte, text []byte) {
	s.lines = append(append(s.lines, s.head...), tag, ' ')
	s.lines = append(append(s.lines, s.held...), text...)
	s.lines = append(s.lines, '\n')
	s.held, s.due = s.held[:0], time.Time{}
	if len(s.lines) >= bufferSize {
		s.send()
	}
}

// finish writes the added lines and unlocks the log.
func (s *stream) finish() {
	if len(s.lines) > 0 {
		s.send()
	}
	s.log.mu.Unlock()
	if len(s.held) > 0 && s.due.IsZero() {
		s.due = time.Now().Add(holdTime)
	}
}

func (s *stream) send() {
	if !s.log.full {
		s.log.write(s.lines)
	}
	s.lines = s.lines[:0]
}
