package shell

import (
	"io"
	"math"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// These give tests access to the way from a pipe to a log.

// Sizes at which outputs are split.
const (
	MaxPiece   = maxPiece
	BufferSize = bufferSize
	PipeSize   = pipeSize
)

// Output is an output on its way into a log.
type Output struct{ s *stream }

type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// NewOutput returns an output that is written to out.
func NewOutput(out io.Writer, now func() time.Time, secrets []string) (*Output, error) {
	hidden, err := newSecrets(secrets)
	if err != nil {
		return nil, err
	}
	l := &log{file: unclosed{out}, now: now, limit: math.MaxInt64, fail: func(err error) error { return err }}
	return &Output{newStream("stdout", hidden).to(l)}, nil
}

// NewLimitedOutput returns one whose log has a limit.
func NewLimitedOutput(out io.Writer, now func() time.Time, limit int64) (*Output, error) {
	o, err := NewOutput(out, now, nil)
	o.s.log.limit = limit
	return o, err
}

func (o *Output) Write(p []byte) { o.s.write(p) }
func (o *Output) Flush()         { o.s.flush() }
func (o *Output) End()           { o.s.end() }

// Due returns when the held beginning of a line is written.
func (o *Output) Due() time.Time { return o.s.due }

// Held returns how many bytes are held back now.
func (o *Output) Held() int {
	n := len(o.s.held)
	if o.s.redactor != nil {
		n += len(o.s.redactor.held)
	}
	return n
}

// Forms are forms of secrets.
type Forms struct{ forms []form }

// FormsOf returns the forms of a secret.
func FormsOf(secret string) Forms { return Forms{formsOf(strings.TrimSpace(secret))} }

// Plain returns forms of texts without other spellings.
func Plain(texts []string) Forms {
	var f Forms
	for _, text := range texts {
		var units form
		for i := range len(text) {
			units = append(units, unit{text[i : i+1]})
		}
		f.forms = append(f.forms, units)
	}
	return f
}

// Longest returns the length of the longest prefix that matches a form.
func (f Forms) Longest(in string) int {
	longest := 0
	for _, f := range f.forms {
		n, _ := f.match([]byte(in))
		longest = max(longest, n)
	}
	return longest
}

// Hide masks them in a text that arrives in parts.
func (f Forms) Hide(parts ...string) string {
	r := redactor{secrets: &secrets{forms: [][]form{nil}}}
	for _, f := range f.forms {
		r.secrets.index(f)
	}
	var out []byte
	for _, part := range parts {
		out = r.append(out, []byte(part), false)
	}
	return string(r.append(out, nil, true))
}

// Recorder returns a function that records an event in a run.
func Recorder(sink Sink) func(domain.Event) error {
	r := &run{sink: sink}
	return func(event domain.Event) error { return r.record(Progress{Event: event}) }
}
