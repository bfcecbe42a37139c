//go:build unix

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// fault is an accident that happens to the program.
type fault interface {
	// strike runs the program, lets the fault happen, and reports whether the work was
	// completed nevertheless.
	strike(t testing.TB, args ...string) (completed bool)
	// clear ends the fault. It is called after the database was checked, and before the
	// same command completes the work.
	clear(t testing.TB)
}

// work is a task that the program repeats while faults happen.
type work struct {
	db     database
	rnd    *rand.Rand
	fault  fault
	reader *look
	// often is how often the fault happens.
	often, completed int
}

func newWork(db database, rnd *rand.Rand, fault fault, often int) *work {
	return &work{db: db, rnd: rnd, fault: fault, often: often, reader: &look{db: db, rnd: rnd}}
}

// end completes the work with the same command. It fails if no fault has interrupted the
// work.
func (w *work) end(t testing.TB, source string, args []string) {
	t.Helper()
	w.complete(t, source, args)
	t.Logf("%d of %d times, the work was completed nevertheless", w.completed, w.often)
	if w.completed == w.often && w.often >= kills {
		t.Error("the fault came too late, always")
	}
}

// ingest reads a long stream that grows, and sometimes becomes another one. The store always
// has either the old or the new rows.
func (w *work) ingest(t testing.TB) {
	t.Helper()
	s := newStream(t.TempDir(), "large")
	versions := growing(t, s, w.rnd)
	args := []string{s.path, "--to", w.db.address}
	var before *version
	for i := range w.often {
		now := versions[i%len(versions)]
		s.becomes(t, now)
		completed := w.strike(t, args)
		before = w.holds(t, s, before, now, completed)
		if w.fault.clear(t); w.rnd.IntN(4) == 0 {
			w.complete(t, s.path, args)
			before = now
		}
	}
	w.end(t, s.path, args)
}

// rebuild derives runs again, whose streams grow, become others or get shorter. Each run
// always has either its old or its new rows, and no run goes missing.
func (w *work) rebuild(t testing.TB, runs int) {
	t.Helper()
	f := newFolder(t, runs)
	args := []string{"rebuild", f.path, "--to", w.db.address}
	before := make([]*version, len(f.streams))
	for range w.often {
		if w.rnd.IntN(2) == 0 {
			f.change(t, w.rnd)
		}
		completed := w.strike(t, args)
		for i, s := range f.streams {
			before[i] = w.holds(t, s, before[i], f.now[i], completed)
		}
		w.fault.clear(t)
	}
	w.end(t, f.path, args)
}

func (w *work) strike(t testing.TB, args []string) (completed bool) {
	t.Helper()
	if completed = w.fault.strike(t, args...); completed {
		w.completed++
	}
	w.reader.again(t)
	return completed
}

// holds returns the stored version of a stream: the old or the new one, and the new one if
// the work was completed.
func (w *work) holds(t testing.TB, s *stream, before, now *version, completed bool) *version {
	t.Helper()
	record := w.reader.read(t, s.run)
	switch {
	case now.is(record):
		return now
	case completed:
		t.Fatalf("run %s: the work was completed, and the rows are not those of the stream:\nwant   %v\nstored %v", s.run, now, runOf(record))
	case !before.is(record):
		t.Fatalf("run %s: the rows are neither the old nor the new ones:\nbefore %v\nafter  %v\nstored %v", s.run, before, now, runOf(record))
	}
	return before
}

// complete completes the work with the same command.
func (w *work) complete(t testing.TB, source string, args []string) {
	t.Helper()
	run(t, args...).succeeds(t)
	verified(t, source, w.db)
}

// growing returns versions of two streams that grow. Some of them end inside a line.
func growing(t testing.TB, s *stream, rnd *rand.Rand) (versions []*version) {
	for seed := range uint64(2) {
		data := synthetic(t, large(seed))
		for part := range 4 {
			some := data[:len(data)*(part+1)/5+rnd.IntN(100)]
			if rnd.IntN(3) > 0 {
				some = wholeLines(some)
			}
			versions = append(versions, newVersion(s.run, some))
		}
		versions = append(versions, newVersion(s.run, data))
	}
	return versions
}

// large is the shape of a stream whose rows need several batches.
func large(seed uint64) synth.Shape {
	if slow {
		return synth.Shape{Seed: seed, Jobs: 1000, Sh: 3250, AtOnce: 20}
	}
	return synth.Shape{Seed: seed, Jobs: 2000, Sh: 6500, AtOnce: 20}
}

// folder is a folder of streams. Each of them has several versions.
type folder struct {
	path     string
	streams  []*stream
	versions [][]*version
	now      []*version // of each stream
}

// newFolder makes a folder with the given number of streams.
func newFolder(t testing.TB, runs int) *folder {
	t.Helper()
	f := &folder{path: t.TempDir(), now: make([]*version, runs)}
	for i := range runs {
		s := newStream(f.path, fmt.Sprintf("run-%03d", i))
		one := synthetic(t, synth.Shape{Seed: uint64(2 * i), Jobs: 35, Sh: 110, AtOnce: 3})
		other := synthetic(t, synth.Shape{Seed: uint64(2*i + 1), Jobs: 30, Sh: 90, AtOnce: 2})
		f.streams = append(f.streams, s)
		f.versions = append(f.versions, []*version{
			newVersion(s.run, one[:len(one)/3+i%100]), // it ends inside a line
			newVersion(s.run, wholeLines(one[:len(one)/2])),
			newVersion(s.run, one),
			newVersion(s.run, other),
			newVersion(s.run, wholeLines(other[:len(other)/2])), // it is shorter
		})
		f.becomes(t, i, f.versions[i][2])
	}
	return f
}

func (f *folder) becomes(t testing.TB, i int, v *version) {
	t.Helper()
	f.streams[i].becomes(t, v)
	f.now[i] = v
}

// change gives most streams their next version.
func (f *folder) change(t testing.TB, rnd *rand.Rand) {
	t.Helper()
	for i, versions := range f.versions {
		for j, v := range versions {
			if v == f.now[i] && rnd.IntN(8) > 0 {
				f.becomes(t, i, versions[(j+1)%len(versions)])
				break
			}
		}
	}
}

// folderAt returns the streams of a folder.
func folderAt(path string) store.Sources { return jsonl.Folder(path) }

// version is a version of a run's stream. nil means that there is neither a stream nor a row.
type version struct {
	data   []byte
	record func() *projections.Record // the rows of the data
}

func newVersion(run domain.RunID, data []byte) *version {
	return &version{data, sync.OnceValue(func() *projections.Record {
		record, err := projections.Project(run, jsonl.NewReader(bytes.NewReader(data), jsonl.Options{}))
		if err != nil {
			panic(err) // the tests make only sound streams
		}
		return record
	})}
}

// is reports whether a run's record is that of this version.
func (v *version) is(record *projections.Record) bool {
	if v == nil || record == nil {
		return v == nil && record == nil
	}
	return reflect.DeepEqual(record, v.record())
}

// String describes the version in an error.
func (v *version) String() string {
	if v == nil {
		return "none"
	}
	return fmt.Sprintf("%d bytes, %+v", len(v.data), v.record().Run)
}

// stream is the stream of one run, in a file that the tests change.
type stream struct {
	run  domain.RunID
	path string
}

func newStream(folder, name string) *stream {
	return &stream{domain.RunID(name), filepath.Join(folder, name+".jsonl")}
}

// becomes writes a version to the file.
func (s *stream) becomes(t testing.TB, v *version) {
	t.Helper()
	writeFile(t, s.path, v.data)
}

// grow appends the missing part of data, as a producer does.
func (s *stream) grow(t testing.TB, data []byte) {
	t.Helper()
	file, err := os.OpenFile(s.path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.Size() < int64(len(data)) {
		_, err = file.Write(data[info.Size():])
	}
	require.NoError(t, err)
}

func (s *stream) recording() store.Source {
	return jsonl.Locate(s.path).Source(jsonl.Options{})
}

// synthetic returns the bytes of a stream.
func synthetic(t testing.TB, shape synth.Shape) []byte {
	t.Helper()
	var data bytes.Buffer
	require.NoError(t, shape.Write(&data, 0))
	return data.Bytes()
}

// wholeLines returns data up to its last line feed.
func wholeLines(data []byte) []byte { return data[:bytes.LastIndexByte(data, '\n')+1] }

// readRecord returns the stored record of a run, or nil.
func readRecord(t testing.TB, s store.Store, run domain.RunID) *projections.Record {
	t.Helper()
	record, err := store.ReadRecord(t.Context(), s, run)
	if errors.Is(err, store.ErrNoRun) {
		return nil
	}
	require.NoError(t, err, "reading run %s", run)
	return record
}

// runOf returns the run's own row of a record, for an error.
func runOf(record *projections.Record) any {
	if record == nil {
		return "none"
	}
	return record.Run
}
