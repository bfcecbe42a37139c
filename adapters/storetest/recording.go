package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// recording is a stream in memory, which may grow and change. It implements [store.Source].
type recording struct {
	run  domain.RunID
	name string
	// reading, malformed, once and vague vary the properties of the stream. A vague one does not
	// know its end before it is opened.
	reading   string
	malformed jsonl.OnMalformed
	once      bool
	vague     bool

	mu   sync.Mutex
	data []byte
}

// record returns a recording of a run; malformed lines are skipped.
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

func (r *recording) Run() domain.RunID   { return r.run }
func (r *recording) Name() string        { return r.name }
func (r *recording) ReadOptions() string { return r.reading }
func (r *recording) Once() bool          { return r.once }

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

// derived returns what a store must have of the recording after an ingest, computed in a slow and
// obvious way: the rows of one fold of the bytes.
func (r *recording) derived() *content { return r.derivedOf(Set.Stored()) }

func (r *recording) derivedOf(of []definition) *content {
	data := r.bytes()
	whole := wholeLines(data)
	c, events := r.fold(of, data)
	// Rows that an incomplete last line has made final are not final, since the line may continue.
	before, _ := r.fold(of, data[:whole])
	for _, table := range of {
		rows, final := table.NewRows(), before.of(table)
		for i := range c.of(table).Len() {
			row := c.of(table).At(i)
			row.Final = i < final.Len() && final.At(i).Final
			rows.Add(row)
		}
		c.tables[table] = rows
	}
	c.checkpoint = some(store.Checkpoint{
		Mark: markOf(data, whole), End: markOf(data, len(data)), Events: events,
		Projections: projections.ID(of), ReadOptions: r.reading, Source: r.name, State: anyState,
	})
	return c
}

// fold returns the rows of some bytes.
func (r *recording) fold(of []definition, data []byte) (*content, int64) {
	rows := make([]map[int]projections.Rows, len(of))
	members := make([]projections.Member, len(of))
	for i, table := range of {
		rows[i] = map[int]projections.Rows{}
		members[i] = table.Member(func(row anyRow) {
			one := table.NewRows()
			one.Add(row)
			rows[i][row.Index] = one
		})
	}
	fold := projections.NewFold(r.run, members...)
	must(fold.Drain(jsonl.NewReader(bytes.NewReader(data), jsonl.Options{OnMalformed: jsonl.Skip})))
	fold.Open()
	c := nothing(r.run)
	c.stream = append([]byte{}, data...)
	for i, table := range of {
		for _, index := range slices.Sorted(maps.Keys(rows[i])) {
			c.list(table).Add(rows[i][index].At(0))
		}
	}
	return c, fold.Run().Events
}

// wholeLines returns how many bytes of data are complete lines.
func wholeLines(data []byte) int { return bytes.LastIndexByte(data, '\n') + 1 }

// markOf returns the mark after n bytes. An incomplete last line is not counted.
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

// derived returns what a store must have of all of them.
func (all recordings) derived() (contents []*content) {
	for _, r := range all {
		contents = append(contents, r.derived())
	}
	return contents
}

// agree returns an error if the store differs from the streams.
func (t *trial) agree(all ...*recording) error {
	for _, r := range all {
		if err := t.holds(r.derivedOf(t.of)); err != nil {
			return err
		}
	}
	return nil
}
