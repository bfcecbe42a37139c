package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// These tests have their own wire format, one event a line as encoding/json writes it, so that they need
// no adapter.

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

// mark returns the mark after some bytes.
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

// folder has the streams of many runs: [store.Sources]. If unseen is set, some streams could not be
// found.
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

// changing is a file that another program changes after it was compared with the rows.
type changing struct {
	*file
	after []byte
}

func (c changing) Ends(ctx context.Context, end domain.Mark) (bool, error) {
	same, err := c.file.Ends(ctx, end)
	c.data = c.after
	return same, err
}

func (c changing) As(string) store.Source { return c }

// Some tables are derived again and others are not. All have rows of the same moment, although the
// stream has grown since it was compared, or is another one.
func TestSomeTablesOfStreamThatChanges(t *testing.T) {
	for _, commands := range []int{3, 20_000} { // rows in one batch, or in several
		var events []domain.Event
		for i := range commands {
			events = append(events, domain.NewShStarted(int64(i), "a", fmt.Sprint(i)))
		}
		before := lines(events...)
		for name, after := range map[string][]byte{
			"grown":   append(before[:len(before):len(before)], lines(domain.NewShFinished(9, "a", 0), domain.NewJobStarted(9, "b"))...),
			"another": lines(domain.NewJobStarted(1, "b")),
		} {
			s := memory.New()
			_, err := store.Ingest(t.Context(), s, file{"r", before}, store.Options{})
			require.NoError(t, err)
			some := store.Options{Tables: []*projections.Definition{projections.Jobs.Definition, projections.ShEvents.Definition}}
			source := changing{&file{"r", before}, after}
			_, err = store.Ingest(t.Context(), s, source, some)
			require.NoError(t, err)
			derived := file{"r", before}
			if name == "another" {
				derived.data = after
			}
			t.Logf("%d commands, %s", commands, name)
			isRecordOf(t, s, derived)
			_, err = store.Ingest(t.Context(), s, *source.file, store.Options{})
			require.NoError(t, err)
			isRecordOf(t, s, *source.file)
		}
	}
}

// counting is a store that counts the rows of the last transaction.
type counting struct {
	store.Store
	rows, state int // how many rows, and the bytes of the state
}

func (s *counting) Update(ctx context.Context, do func(store.Tx) error) error {
	s.rows, s.state = 0, 0
	return s.Store.Update(ctx, func(tx store.Tx) error { return do(&countingTx{tx, s}) })
}

type countingTx struct {
	store.Tx
	s *counting
}

func (t *countingTx) Insert(rows *store.Rows) error {
	t.s.rows += rows.Len()
	return t.Tx.Insert(rows)
}

func (t *countingTx) SetCheckpoint(run domain.RunID, c store.Checkpoint) error {
	t.s.state += len(c.State)
	return t.Tx.SetCheckpoint(run, c)
}

// An event costs only the rows that it changes and a state without the contents of rows, however many
// rows are open. This holds for segments, also with a new projector, and for a file that has grown.
func TestWhatIsOpenIsNotWrittenAgain(t *testing.T) {
	const open = 5000
	var events []domain.Event
	for i := range open {
		job := fmt.Sprint("job ", i%50)
		events = append(events, domain.NewShStarted(int64(i), job, fmt.Sprint("sleep ", i)))
	}
	s := &counting{Store: memory.New()}
	stream := file{run: "r", data: lines(events...)}
	p := store.NewProjector(s, wire{}, store.ProjectorOptions{Source: func(domain.RunID) string { return stream.Name() }})
	defer func() { p.Close(context.Background()) }()
	require.NoError(t, p.Apply(t.Context(), domain.Segment{Run: "r", Data: stream.data}))
	require.GreaterOrEqual(t, s.rows, open)
	const most = 8 // the rows of the run, of a job, its timing, a command, and some diagnostics
	for name, more := range map[string]domain.Event{
		"an unknown event":         domain.NewUnknown(1, "x", ""),
		"a command more":           domain.NewShStarted(1, "job 3", "true"),
		"a command less":           domain.NewShFinished(1, "job 4", 0),
		"a job that finishes":      domain.NewJobFinished(2, "job 5", domain.Complete),
		"a job that has finished":  domain.NewJobFinished(2, "job 5", domain.Complete),
		"the first event of a job": domain.NewJobStarted(1, "another"),
	} {
		for way, apply := range map[string]func(data []byte) error{
			"segment": func(data []byte) error {
				return p.Apply(t.Context(), domain.Segment{Run: "r", Offset: int64(len(stream.data)), Data: data})
			},
			"segment for another projector": func(data []byte) error {
				p.Close(t.Context())
				p = store.NewProjector(s, wire{}, store.ProjectorOptions{Source: func(domain.RunID) string { return stream.Name() }})
				return p.Apply(t.Context(), domain.Segment{Run: "r", Offset: int64(len(stream.data)), Data: data})
			},
			"file": func(data []byte) error {
				_, err := store.Ingest(t.Context(), s, file{"r", append(stream.data, data...)}, store.Options{})
				return err
			},
		} {
			data := lines(more)
			require.NoError(t, apply(data), "%s, %s", name, way)
			stream.data = append(stream.data, data...)
			assert.LessOrEqual(t, s.rows, most, "%s, %s", name, way)
			assert.LessOrEqual(t, s.state, 20_000, "%s, %s: the state", name, way)
		}
	}
	isRecordOf(t, s, stream)
}

// hasty are options with which a projector parks early segments at once.
var hasty = store.ProjectorOptions{Grace: time.Nanosecond, GapTimeout: time.Hour}

// project calls do with a projector.
func project(t rapid.TB, s store.Store, options store.ProjectorOptions, do func(*store.Projector) error) {
	t.Helper()
	p := store.NewProjector(s, wire{}, options)
	require.NoError(t, errors.Join(do(p), p.Close(context.Background())))
}

func streamOf(t *rapid.T, label string) []byte { return lines(laws.Events().Draw(t, label)...) }

// cut cuts a stream into segments of some lines each.
func cut(t *rapid.T, run domain.RunID, data []byte) (segments []domain.Segment) {
	for at, end := 0, 0; at < len(data); at = end {
		for more := true; more && end < len(data); more = rapid.Bool().Draw(t, "another line") {
			for end++; data[end-1] != '\n'; end++ {
			}
		}
		segments = append(segments, domain.Segment{Run: run, Offset: int64(at), Data: data[at:end], SHA256: sha256.Sum256(data[:end])})
	}
	return segments
}

// tails returns possible last lines without a line feed.
func tails(t *rapid.T, run domain.RunID, data []byte) (tails []domain.Segment) {
	for _, end := range rapid.SliceOfN(rapid.IntRange(0, len(data)), 0, 2).Draw(t, "ends of tails") {
		if at := bytes.LastIndexByte(data[:end], '\n') + 1; at < end {
			tails = append(tails, domain.Segment{Run: run, Offset: int64(at), Data: data[at:end], SHA256: sha256.Sum256(data[:end]), Tail: true})
		}
	}
	return tails
}

// If two streams have the id of one run, the rows are those of one of them, as far as it was read, and
// the run is quarantined because of the other one. The reason is never a malformed line, although a
// segment of one stream may begin within a line of the other.
func TestTwoStreamsOfOneRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		streams := [][]byte{streamOf(t, "a"), streamOf(t, "b")}
		if rapid.Bool().Draw(t, "of the same form") {
			streams[1] = bytes.ReplaceAll(streams[0], []byte(`"JobID":"a"`), []byte(`"JobID":"b"`))
		}
		segments := append(cut(t, "r", streams[0]), cut(t, "r", streams[1])...)
		differ := false // visible where segments of both end at one place
		for _, segment := range segments {
			differ = differ || segment.End() == int64(len(streams[0])) && segment.SHA256 != sha256.Sum256(streams[0])
		}
		if rapid.Bool().Draw(t, "in any order") {
			for _, stream := range streams {
				segments = append(segments, tails(t, "r", stream)...)
			}
			segments, differ = rapid.Permutation(segments).Draw(t, "segments"), false
		}
		s, retried := memory.New(), rapid.Bool().Draw(t, "retry")
		project(t, s, hasty, func(p *store.Projector) (err error) {
			for _, segment := range segments {
				err = errors.Join(err, p.Apply(context.Background(), segment))
			}
			if retried {
				err = errors.Join(err, p.Retry(context.Background(), "r"))
			}
			return err
		})
		waiting, err := s.Waiting(context.Background())
		require.NoError(t, err)
		if differ && !retried && len(waiting) == 0 {
			t.Error("nobody has seen that there are two streams")
		}
		for _, w := range waiting {
			if w.Quarantine != nil && w.Quarantine.Code != store.OtherStream {
				t.Errorf("the run is quarantined: %+v", w.Quarantine)
			}
		}
		stored, err := s.Checkpoints(context.Background(), []domain.RunID{"r"})
		if err != nil || len(stored) == 0 {
			return
		}
		for _, stream := range streams {
			if end := stored["r"].End.Bytes; end <= int64(len(stream)) && sha256.Sum256(stream[:end]) == stored["r"].End.SHA256 {
				hasRecordOf(t, s, file{"r", stream[:end]})
				return
			}
		}
		t.Errorf("the rows are those of neither stream: %+v", stored["r"].End)
	})
}
