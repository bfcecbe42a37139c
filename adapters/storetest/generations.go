package storetest

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Versions tests what generations of a store's rows promise: at each moment, a reader finds each
// projection completely at one version, with every run. fresh creates an empty store for each try,
// and returns a function that opens it for a set of projections. A store with a method Close is
// closed.
func Versions(t *testing.T, fresh func(t *testing.T) func(*projections.Set) store.Versioned) {
	t.Helper()
	Tries(t, enough)
	for name, holds := range map[string]func(*trial){"generations": generations, "versions are compared": comparesVersions, "versions with other columns are compared": comparesOtherColumns} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(draw *rapid.T) {
				open := fresh(t)
				as := once(func(set *projections.Set) store.Store {
					s := open(set)
					if closer, ok := s.(io.Closer); ok {
						draw.Cleanup(func() { _ = closer.Close() })
					}
					return s
				})
				l := property(name, holds)
				if err := l.try(as, draw); err != nil {
					draw.Fatal(err)
				}
			})
		})
	}
}

type size1 struct {
	JobID string                   `json:"job_id"`
	Shs   int64                    `json:"shs"`
	Last  projections.Null[string] `json:"last"`
	Gone  projections.Null[int32]  `json:"gone"`
	State projections.State        `json:"state"`
	Kind  projections.Null[int64]  `json:"kind"`
	Open  projections.Null[bool]   `json:"open"`
}

type size2 struct {
	JobID string                  `json:"job_id"`
	Shs   int64                   `json:"shs"`
	Last  string                  `json:"last"`
	Added string                  `json:"added"`
	Kind  string                  `json:"kind"`
	Open  bool                    `json:"open"`
	More  projections.Null[int64] `json:"more"`
	State projections.State       `json:"state"`
}

// sizes1 and sizes2 are two versions of a projection. The second one has other columns, in another
// table, and other values.
var (
	sizes1 = declare(reducer[struct{}, size1]{open: func(_ *struct{}, run *projections.Tracker, rows []projections.Row[size1]) []projections.Row[size1] {
		for job := range run.Jobs() {
			rows = append(rows, row(job.Index, false, size1{JobID: job.ID, Shs: int64(job.Index), Last: projections.Null[string]{}, Gone: some(int32(7)), State: projections.Active}))
		}
		return rows
	}}, projections.Declaration[size1]{Name: "sizes", Key: []string{"job_id"}})
	sizes2 = declare(reducer[struct{}, size2]{open: func(_ *struct{}, run *projections.Tracker, rows []projections.Row[size2]) []projections.Row[size2] {
		for job := range run.Jobs() {
			is := size2{JobID: job.ID, Shs: int64(job.Index), Added: job.ID, Kind: "kind", State: projections.Active}
			if job.Index > 0 { // in a run of one job, no value differs
				is.Shs, is.Last, is.Open, is.State = is.Shs+100, "last", true, projections.Complete
			}
			rows = append(rows, row(job.Index, false, is))
		}
		return rows
	}}, projections.Declaration[size2]{Name: "sizes", Version: 2, Table: "dimensions", Key: []string{"job_id"}, Indexes: []projections.Index{{Name: "shs", Columns: "shs, run_id"}}})
	older, newer = setOf(sizes1, marks), setOf(marks, sizes2)
)

// rowsState is what a generation has of a run: the rows of a version for some bytes.
type rowsState struct {
	of   *projections.Set
	data string
	name string
}

// versioned is the model of a store with generations.
type versioned struct {
	*trial
	all      []*recording
	streamed map[domain.RunID]bool
	// live is the version of the live rows; next and previous are nil if they do not exist.
	live                 *projections.Set
	rows, next, previous map[domain.RunID]rowsState
	before               *projections.Set // the version of previous
	built                bool
	changed              map[domain.RunID]bool
}

func generations(t *trial) {
	m := &versioned{trial: t, streamed: map[domain.RunID]bool{}, live: older, rows: map[domain.RunID]rowsState{}, changed: map[domain.RunID]bool{}}
	for i := range 1 + t.upTo(3, "runs") {
		r := record(t.run(fmt.Sprint(i)), nil)
		m.all, m.streamed[r.run] = append(m.all, r), true
		m.write(older, r)
	}
	actions := []func(){m.oldWrites, m.oldWrites, m.newWrites, m.toggles, m.builds, m.switches, m.rebuilds, m.rebuilds, m.rollsBack}
	for range 1 + t.upTo(7, "actions") {
		actions[t.upTo(len(actions)-1, "action")]()
		m.check()
	}
}

func (m *versioned) as(set *projections.Set) store.Versioned {
	return m.trial.as(set).(store.Versioned)
}

// sources returns the existing streams. While they are listed, a program of the older version
// writes.
func (m *versioned) sources(disturbed bool) store.Sources {
	var all recordings
	for _, r := range m.all {
		if m.streamed[r.run] {
			all = append(all, r)
		}
	}
	var writes []func() // drawn in advance, because another goroutine lists the streams
	for i := 0; disturbed && m.live == older && i < m.upTo(3, "disturbances"); i++ {
		r := m.all[m.upTo(len(m.all)-1, "run")]
		data := m.otherThan(r.bytes())
		writes = append(writes, func() {
			r.is(data)
			m.write(older, r)
		})
	}
	every := m.upTo(2, "pause")
	listed := 0
	return disturbing{all, func() {
		if listed++; listed > every && len(writes) > 0 {
			write := writes[0]
			writes, listed = writes[1:], 0
			must(caught(write))
		}
	}}
}

type disturbing struct {
	recordings
	disturb func()
}

func (d disturbing) All() iter.Seq2[store.Source, error] {
	return func(yield func(store.Source, error) bool) {
		for source, err := range d.recordings.All() {
			d.disturb()
			if !yield(source, err) {
				return
			}
		}
		d.disturb()
	}
}

func (m *versioned) oldWrites() { m.writes(older) }
func (m *versioned) newWrites() { m.writes(newer) }

// writes makes a program ingest a stream that may have changed.
func (m *versioned) writes(set *projections.Set) {
	r := m.all[m.upTo(len(m.all)-1, "run")]
	if m.flip("changes") {
		r.is(m.otherThan(r.bytes()))
	}
	m.write(set, r)
}

func (m *versioned) write(set *projections.Set, r *recording) {
	result, err := store.Ingest(m.ctx, m.as(set), r, store.Options{})
	if set != m.live {
		idle := err == nil && result.Outcome == store.Unchanged // a run that was carried over
		failIf(!idle && !errors.Is(err, store.ErrOtherVersion), "a program of another version writes: %s, %v", result.Outcome, err)
		return
	}
	must(err)
	if result.Outcome != store.Unchanged {
		m.rows[r.run], m.changed[r.run] = rowsState{set, string(r.bytes()), r.name}, true
	}
}

func (m *versioned) toggles() {
	run := m.all[m.upTo(len(m.all)-1, "run")].run
	m.streamed[run] = !m.streamed[run]
}

// began updates the model when the next generation is created.
func (m *versioned) began() {
	if m.next == nil {
		m.next, m.changed = map[domain.RunID]rowsState{}, map[domain.RunID]bool{}
	}
	m.previous, m.before = nil, nil
}

// wasBuilt updates the model when it is built: which rows the changed runs have is unknown.
func (m *versioned) wasBuilt() {
	for _, r := range m.all {
		live, stored := m.rows[r.run]
		if m.streamed[r.run] {
			m.next[r.run] = rowsState{newer, string(r.bytes()), r.name}
		} else if _, there := m.next[r.run]; !there && stored {
			m.next[r.run] = live
		}
	}
	m.built = true
}

func (m *versioned) builds() {
	if m.live == newer {
		return
	}
	m.began()
	value(store.Build(m.ctx, m.as(newer), m.sources(true), store.Options{}))
	m.wasBuilt()
}

// switched updates the model when a switch is done.
func (m *versioned) switched(keep, sources bool) {
	for run := range m.changed {
		r := m.all[slices.IndexFunc(m.all, func(r *recording) bool { return r.run == run })]
		if sources && m.streamed[run] {
			m.next[run] = rowsState{newer, string(r.bytes()), r.name}
		} else {
			m.next[run] = m.rows[run]
		}
	}
	m.previous, m.before = nil, nil
	if keep {
		m.previous, m.before = m.rows, m.live
	}
	m.rows, m.live, m.next, m.built = m.next, newer, nil, false
	m.changed = map[domain.RunID]bool{}
}

func (m *versioned) switches() {
	keep := m.flip("keep")
	var sources store.Sources
	if m.flip("with streams") {
		sources = m.sources(false)
	}
	built, changed := m.built, len(m.changed)
	switch err := store.Switch(m.ctx, m.as(newer), sources, keep); {
	case !built:
		failIf(!errors.Is(err, store.ErrNoGeneration), "a switch without new rows: %v", err)
	case sources == nil && changed > 0:
		failIf(!errors.Is(err, store.ErrChanged), "a switch without streams: %v", err)
	default:
		must(err)
		m.switched(keep, sources != nil)
	}
}

func (m *versioned) rebuilds() {
	keep := m.flip("keep")
	beside := m.live == older
	if beside {
		m.began()
	}
	value(store.Rebuild(m.ctx, m.as(newer), m.sources(true), store.Options{Keep: keep}))
	if beside {
		m.wasBuilt()
		m.switched(keep, true)
		return
	}
	for _, r := range m.all {
		now := rowsState{newer, string(r.bytes()), r.name}
		if m.streamed[r.run] && m.rows[r.run] != now {
			m.rows[r.run], m.changed[r.run] = now, true
		}
	}
}

func (m *versioned) rollsBack() {
	set := pick(m.trial, "program", older, newer)
	keep := m.flip("keep")
	err := store.Rollback(m.ctx, m.as(set), keep)
	if m.previous == nil {
		failIf(!errors.Is(err, store.ErrNoGeneration), "a switch back without previous rows: %v", err)
		return
	}
	must(err)
	for run := range m.changed {
		m.previous[run] = m.rows[run]
	}
	was, live := m.rows, m.live
	m.rows, m.live, m.previous, m.before = m.previous, m.before, nil, nil
	if keep {
		m.previous, m.before = was, live
	}
	m.changed = map[domain.RunID]bool{}
}

// check compares the live rows with the model.
func (m *versioned) check() {
	s := m.as(m.live)
	reader := *m.trial
	reader.store, reader.of = s, m.live.Stored()
	for _, r := range m.all {
		want := nothing(r.run)
		if state, ok := m.rows[r.run]; ok {
			was := &recording{run: r.run, name: state.name, reading: r.reading, data: []byte(state.data)}
			want = was.derivedOf(state.of.Stored()).in(m.live.Stored())
		}
		must(reader.holds(want))
	}
	ids := value(s.RunIDs(m.ctx, "", 100))
	failIf(!slices.Equal(ids, slices.Sorted(maps.Keys(m.rows))), "the store has the runs %s", show(ids))
	outdated := value(s.Outdated(m.ctx, "", 100))
	for _, run := range ids {
		failIf(slices.Contains(outdated, run) != (m.rows[run].of != m.live), "run %s is outdated: %v", show(run), m.rows[run].of != m.live)
	}
}

// in returns the content after it was carried over to a generation of other projections.
func (c *content) in(of []definition) *content {
	in := nothing(c.id)
	in.checkpoint = c.checkpoint
	for was, rows := range c.tables {
		for _, is := range of {
			if is.Name != was.Name {
				continue
			}
			list := in.list(is)
			for i := range rows.Len() {
				carried(was, rows.At(i), is, list.New(rows.At(i).Index, rows.At(i).Final))
				is.SetRun(list.At(i).Value, c.id)
			}
		}
	}
	return in
}

// carried copies the columns that both versions have, and leaves the others unchanged.
func carried(was definition, from anyRow, is definition, to projections.Ref) {
	for i := range is.Columns {
		for j := range was.Columns {
			own, other := &is.Columns[i], &was.Columns[j]
			if own.Name != other.Name || own.Type != other.Type || own.Bits != other.Bits {
				continue
			}
			if value := other.Value(from.Value); value != nil {
				must(own.Set(to, value))
			}
		}
	}
}
