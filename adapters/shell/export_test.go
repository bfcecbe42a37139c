package shell

import (
	"io"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// What the tests see of the way from a pipe to a log.

// Sizes that outputs are cut by.
const (
	MaxPiece   = maxPiece
	BufferSize = bufferSize
	PipeSize   = pipeSize
)

// Output is an output on its way into a log.
type Output struct{ s *stream }

type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// NewOutput returns an output that goes to out.
func NewOutput(out io.Writer, now func() time.Time, secrets []string) (*Output, error) {
	hidden, err := newSecrets(secrets)
	if err != nil {
		return nil, err
	}
	l := &log{file: unclosed{out}, now: now, fail: func(err error) error { return err }}
	return &Output{newStream("stdout", hidden).to(l, nil)}, nil
}

func (o *Output) Write(p []byte) { o.s.write(p) }
func (o *Output) Flush()         { o.s.flush() }
func (o *Output) End()           { o.s.end() }

// Due returns when a piece of a line is to be written that has no end yet.
func (o *Output) Due() time.Time { return o.s.due }

// Held returns how many bytes are held back now.
func (o *Output) Held() int {
	n := len(o.s.held)
	if o.s.redactor != nil {
		n += len(o.s.redactor.held)
	}
	return n
}

// Texts returns all that is hidden for a secret.
func Texts(secret string) []string {
	texts, err := textsOf([]string{secret})
	if err != nil {
		panic(err)
	}
	var out []string
	for _, text := range texts {
		out = append(out, string(text))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Hide hides texts, and only those, in a text that comes in parts.
func Hide(texts []string, parts ...string) string {
	var bytes [][]byte
	for _, text := range texts {
		bytes = append(bytes, []byte(text))
	}
	r := redactor{secrets: index(bytes)}
	var out []byte
	for _, part := range parts {
		out = r.append(out, []byte(part), false)
	}
	return string(r.append(out, nil, true))
}

// Recorder returns what records an event in a run.
func Recorder(sink Sink) func(domain.Event) error {
	r := &run{sink: sink}
	return func(event domain.Event) error { return r.record(Progress{Event: event}) }
}
