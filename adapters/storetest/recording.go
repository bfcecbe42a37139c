package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// recording is a stream in memory, which may grow and change: a [store.Source].
type recording struct {
	run  domain.RunID
	name string
	// reading, malformed, once and vague are what a stream on a disk could have
	// otherwise. A vague one does not know its end before it is opened.
	reading   string
	malformed jsonl.OnMalformed
	once      bool
	vague     bool

	mu   sync.Mutex
	data []byte
}

// record returns a recording of a run, malformed lines being skipped.
func record(run domain.RunID, data []byte) *recording {
	return &recording{run: run, name: "memory:" + string(run), reading: "skip", malformed: jsonl.Skip, data: data}
}

// is replaces the stream.
func (r *recording) is(data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.data = data
}

func (r *recording) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.data
}

func (r *recording) Run() domain.RunID { return r.run }
func (r *recording) Name() string      { return r.name }
func (r *recording) Reading() string   { return r.reading }
func (r *recording) Once() bool        { return r.once }

func (r *recording) As(string) store.Source { return r }

func (r *recording) Ends(_ context.Context, end domain.Mark) (bool, error) {
	data := r.bytes()
	return !r.once && !r.vague && end.Bytes == int64(len(data)) && end.SHA256 == sha256.Sum256(data), nil
}

func (r *recording) Open(ctx context.Context, known domain.Mark) (store.Stream, error) {
	options := jsonl.Options{Name: r.name, OnMalformed: r.malformed, Digest: true, Known: known}
	return &opened{ctx: ctx, Reader: jsonl.NewReader(bytes.NewReader(r.bytes()), options)}, nil
}

func (r *recording) OpenUntil(ctx context.Context, end domain.Mark) (store.Stream, error) {
	data := r.bytes()
	more := end.Bytes < int64(len(data)) && sha256.Sum256(data[:end.Bytes]) == end.SHA256
	if more {
		data = data[:end.Bytes]
	}
	options := jsonl.Options{Name: r.name, OnMalformed: r.malformed, Digest: true, Known: end}
	return &opened{ctx: ctx, Reader: jsonl.NewReader(bytes.NewReader(data), options), more: more}, nil
}

// opened is a recording that is being read.
type opened struct {
	*jsonl.Reader
	ctx  context.Context
	more bool
}

func (o *opened) Next() ([]domain.Entry, error) {
	if err := o.ctx.Err(); err != nil {
		return nil, err
	}
	return o.Reader.Next()
}

func (o *opened) Mark() domain.Mark {
	whole, _ := o.Marks()
	return whole
}

func (o *opened) End() domain.Mark {
	_, end := o.Marks()
	return end
}

func (o *opened) More() bool   { return o.more }
func (o *opened) Close() error { return nil }

// derived returns what a store must hold of the recording once it was taken
// in: what one fold makes of the bytes, in the slow and obvious way.
func (r *recording) derived() (*content, error) {
	data := r.bytes()
	record, err := projections.Project(r.run, jsonl.NewReader(bytes.NewReader(data), jsonl.Options{OnMalformed: jsonl.Skip}))
	if err != nil {
		return nil, err
	}
	c := &content{id: r.run, row: some(store.Run{Run: record.Run, RunTiming: record.Timings.Run})}
	c.jobs, c.shEvents = placedAs(record.Jobs), placedAs(record.ShEvents)
	c.timings, c.diagnostics = placedAs(record.Timings.Jobs), placedAs(record.Diagnostics)
	c.checkpoint = some(store.Checkpoint{
		Mark: markOf(data, wholeLines(data)), End: markOf(data, len(data)), Events: record.Run.Events,
		Reducers: projections.Version, Reading: r.reading, Source: r.name, State: anyState,
	})
	if err := rowsDiffer("sh_timings", c.wantShTimings(), placedAs(record.Timings.ShEvents)); err != nil {
		return nil, fmt.Errorf("the test itself is wrong: %w", err)
	}
	return c, nil
}

func placedAs[R comparable](values []R) (rows []projections.Row[R]) {
	for i, value := range values {
		rows = append(rows, projections.Row[R]{Index: i, Value: value})
	}
	return rows
}

// wholeLines returns how many bytes of data are lines with a line feed.
func wholeLines(data []byte) int { return bytes.LastIndexByte(data, '\n') + 1 }

// markOf returns the mark behind so many bytes. A last line without a line
// feed is not counted.
func markOf(data []byte, n int) domain.Mark {
	return domain.Mark{Bytes: int64(n), Lines: int64(bytes.Count(data[:n], []byte("\n"))), SHA256: sha256.Sum256(data[:n])}
}

// recordings are the streams of many runs: [store.Sources].
type recordings []*recording

func (all recordings) All() iter.Seq2[store.Source, error] {
	each := func(yield func(store.Source, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
	return store.Distinct(each, func(s store.Source) (domain.RunID, string) { return s.Run(), s.Name() })
}

// derived returns what a store must hold of all of them.
func (all recordings) derived() ([]*content, error) {
	var contents []*content
	var errs []error
	for _, r := range all {
		c, err := r.derived()
		contents, errs = append(contents, c), append(errs, err)
	}
	return contents, errors.Join(errs...)
}

// agree says in what the store differs from the streams.
func (t *trial) agree(all ...*recording) error {
	contents, err := recordings(all).derived()
	if err != nil {
		return err
	}
	return t.holds(contents...)
}
