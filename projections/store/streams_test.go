package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// The tests of this package have a wire format of their own, one event a line as
// encoding/json writes it, so that they need no adapter.

// lines encodes events.
func lines(events ...domain.Event) (data []byte) {
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		data = append(append(data, line...), '\n')
	}
	return data
}

const reading = "as encoding/json"

// wire decodes segments: it is a [store.Decoder].
type wire struct{}

func (wire) ReadOptions() string          { return reading }
func (wire) Continues(before string) bool { return before == reading }

func (wire) Decode(s *domain.Segment, _ string, before int64, take func(*domain.Entry)) (int64, error) {
	count, offset := int64(0), s.Offset
	for line := range bytes.Lines(s.Data) {
		count++
		entry := domain.Entry{Position: domain.Position{Line: before + count, Offset: offset}}
		if err := json.Unmarshal(line, &entry.Event); err != nil {
			if !s.Tail {
				return 0, fmt.Errorf("line %d is malformed: %w", entry.Line, err)
			}
			entry.Fault = domain.Torn
		}
		take(&entry)
		offset += int64(len(line))
	}
	return count, nil
}

// file is the whole stream of a run: a [store.Source].
type file struct {
	run  domain.RunID
	data []byte
}

func (f file) Run() domain.RunID   { return f.run }
func (f file) Name() string        { return "file of " + string(f.run) }
func (f file) ReadOptions() string { return reading }
func (f file) Once() bool          { return false }

func (f file) As(string) store.Source { return f }

func (f file) Ends(_ context.Context, end domain.Mark) (bool, error) {
	return end == f.mark(len(f.data)), nil
}

func (f file) Open(_ context.Context, known domain.Mark) (store.Stream, error) {
	return &opened{file: f, known: known}, nil
}

func (f file) OpenUntil(ctx context.Context, end domain.Mark) (store.Stream, error) {
	o := &opened{file: f, known: end}
	if o.Continues() {
		o.more, o.data = int(end.Bytes) < len(f.data), f.data[:end.Bytes]
	}
	return o, nil
}

// mark returns the mark behind so many bytes.
func (f file) mark(n int) domain.Mark {
	return domain.Mark{Bytes: int64(n), Lines: int64(bytes.Count(f.data[:n], []byte("\n"))), SHA256: sha256.Sum256(f.data[:n])}
}

// opened is a file that is read line by line.
type opened struct {
	file
	known       domain.Mark
	more        bool
	take        func([]byte)
	read, lines int64
}

func (o *opened) Next() (entries []domain.Entry, err error) {
	line := domain.Segment{Offset: o.read, Data: o.data[o.read:]}
	feed := bytes.IndexByte(line.Data, '\n')
	if line.Tail = feed < 0; !line.Tail {
		line.Data = line.Data[:feed+1]
	}
	if o.take != nil {
		o.take(line.Data)
	}
	_, err = wire{}.Decode(&line, reading, o.lines, func(e *domain.Entry) { entries = append(entries, *e) })
	if o.read, o.lines = line.End(), o.lines+1; line.Tail {
		err = io.EOF
	}
	return entries, err
}

func (o *opened) Tee(take func([]byte)) { o.take = take }

func (o *opened) Continues() bool {
	n := int(o.known.Bytes)
	return n == 0 || n <= len(o.data) && sha256.Sum256(o.data[:n]) == o.known.SHA256
}

func (o *opened) Mark() domain.Mark { return o.mark(bytes.LastIndexByte(o.data, '\n') + 1) }
func (o *opened) End() domain.Mark  { return o.mark(len(o.data)) }
func (o *opened) More() bool        { return o.more }
func (o *opened) Close() error      { return nil }

func (o *opened) Digest() ([]byte, error) {
	digest := sha256.New()
	digest.Write(o.data[:o.Mark().Bytes])
	return digest.(encoding.BinaryMarshaler).MarshalBinary()
}

// folder has the streams of many runs: [store.Sources]. What unseen says, when set, is
// that some could not be looked for.
type folder struct {
	files  []file
	unseen error
}

func (f folder) All() iter.Seq2[store.Source, error] {
	return func(yield func(store.Source, error) bool) {
		for _, source := range f.files {
			if !yield(source, nil) {
				return
			}
		}
		if f.unseen != nil {
			yield(file{run: "unseen"}, f.unseen)
		}
	}
}

func (f folder) Has(name string) bool {
	for _, source := range f.files {
		if source.Name() == name {
			return true
		}
	}
	return false
}
