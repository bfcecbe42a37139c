package laws

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // a machine may have no time zones

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// tally is a projection that breaks no law: one open row, which counts the
// entries and quotes the latest command.
type tally struct {
	Count int    `json:"count" min:"0"`
	Cmd   string `json:"cmd"`
}

type (
	step    = projections.Step
	tracker = projections.Tracker
	row     = projections.Row[tally]
)

func (p *tally) Reduce(s *step, rows []row) []row {
	p.Count++
	if s.Kind == domain.ShStarted {
		p.Cmd = s.Cmd
	}
	return rows
}

func (p *tally) Open(_ *tracker, rows []row) []row { return append(rows, row{Value: *p}) }

func modelTally(stream []domain.Entry) []tally {
	total := tally{Count: len(stream)}
	for _, entry := range stream {
		if entry.Kind == domain.ShStarted {
			total.Cmd = entry.Cmd
		}
	}
	return []tally{total}
}

func newTally() projections.Projection[tally] { return &tally{} }

// declared declares a projection of tallies with a key.
func declared(newProjection maker[tally], key ...string) *projections.Defined[tally] {
	return projections.Define(projections.Declaration[tally]{Name: "tally", Version: 1, Key: key, Single: key == nil, New: newProjection})
}

// broken is a tally with one mistake.
type broken struct {
	tally
	reduce func(p *tally, s *step, rows []row) []row
	open   func(p *tally, run *tracker, rows []row) []row
}

func (p *broken) Reduce(s *step, rows []row) []row {
	if p.reduce == nil {
		return p.tally.Reduce(s, rows)
	}
	return p.reduce(&p.tally, s, rows)
}

func (p *broken) Open(run *tracker, rows []row) []row {
	if p.open == nil {
		return p.tally.Open(run, rows)
	}
	return p.open(&p.tally, run, rows)
}

// reducing is a tally with another reducer, and opening one with another list of rows.
func reducing(reduce func(p *tally, s *step, rows []row) []row) maker[tally] {
	return func() projections.Projection[tally] { return &broken{reduce: reduce} }
}

func opening(open func(p *tally, run *tracker, rows []row) []row) maker[tally] {
	return func() projections.Projection[tally] { return &broken{open: open} }
}

// mutants are wrong projections, each with the law that it breaks and the number of entries that show it.
var mutants = []struct {
	name, law string
	new       maker[tally]
	entries   int
}{
	{"takes it that every event names a job", "total", reducing(func(p *tally, s *step, rows []row) []row {
		p.Cmd = s.Job.ID
		return rows
	}), 1},
	{"has room for 64 commands of a job", "total", reducing(func(p *tally, s *step, rows []row) []row {
		if s.ShOpens {
			_ = make([]int, 64)[s.Sh.Seq-1]
		}
		return rows
	}), 65},

	{"counts in a variable of all instances", "deterministic", sharesACount, 1},
	{"keeps the entry", "deterministic", keepsEntry, 1},
	{"keeps the step", "deterministic", keepsStep, 2},
	{"notes the command in a variable of all instances", "deterministic", sharesACommand, 4},
	{"writes to the entry", "deterministic", reducing(func(_ *tally, s *step, rows []row) []row {
		s.AtMs++
		return rows
	}), 1},
	{"writes to the tracker", "deterministic", reducing(func(_ *tally, s *step, rows []row) []row {
		if s.Job != nil {
			s.Job.FinishedAtMs = 7
		}
		return rows
	}), 1},
	{"writes to the tracker when asked", "deterministic", opening(func(_ *tally, run *tracker, rows []row) []row {
		run.FirstAtMs--
		return rows
	}), 1},
	{"has the order of a map", "deterministic", func() projections.Projection[tally] { return &retries{Runs: map[string]map[string]int{}} }, 8},

	{"lists what it listed before", "prefixes", listsTheOld, 2},

	{"counts how often it listed", "open pure", opening(func(p *tally, _ *tracker, rows []row) []row {
		p.Count++
		return append(rows, row{Value: *p})
	}), 1},
	{"lists another row each time", "open pure", opening(func(p *tally, _ *tracker, rows []row) []row {
		p.Count = 1 - p.Count
		return append(rows, row{Value: *p})
	}), 1},

	{"has one row of all jobs", "local", opening(func(p *tally, run *tracker, rows []row) []row {
		for range run.Jobs() {
			return append(rows, row{Value: *p}) // not where no job has changed
		}
		return rows
	}), 2},

	{"hands out a row at each event", "final once", finalRow(row{Final: true}), 2},
	{"hands out a row and keeps it open", "final once", reducing(func(_ *tally, s *step, rows []row) []row {
		if s.First {
			rows = append(rows, row{Final: true})
		}
		return rows
	}), 1},
	{"does not mark what is final", "final once", finalRow(row{}), 1},
	{"marks what is open", "final once", openRows(row{Final: true}), 1},

	{"counts from 1", "indexed", openRows(row{Index: 1}), 0},
	{"has an index twice", "indexed", openRows(row{}, row{}), 0},
	{"lists in no order", "indexed", openRows(row{Index: 1}, row{}), 0},
	{"leaves an index out", "indexed", openRows(row{}, row{Index: 2}), 0},

	{"has a row of its own beside those of the jobs", "parts", opening(func(p *tally, run *tracker, rows []row) []row {
		rows = append(rows, row{Value: *p})
		for job := range run.Jobs() {
			rows = append(rows, row{Index: job.Index + 1, Value: tally{Cmd: job.ID}})
		}
		return rows
	}), 2},
	{"numbers the jobs that it is asked for", "parts", opening(func(_ *tally, run *tracker, rows []row) []row {
		for range run.Jobs() {
			rows = append(rows, row{Index: len(rows)})
		}
		return rows
	}), 2},

	{"has a row for what is open now", "kept", opening(func(_ *tally, run *tracker, rows []row) []row {
		for i := range run.OpenSh {
			rows = append(rows, row{Index: i})
		}
		return rows
	}), 2},

	{"counts below the least", "fitting", openRows(row{Value: tally{Count: -1}}), 0},

	{"has no row before the first entry", "single", opening(func(p *tally, _ *tracker, rows []row) []row {
		if p.Count == 0 {
			return rows
		}
		return append(rows, row{Value: *p})
	}), 0},
	{"has a row of each command beside", "single", opening(func(p *tally, run *tracker, rows []row) []row {
		for i := range run.ShStarted + 1 {
			rows = append(rows, row{Index: i, Value: *p})
		}
		return rows
	}), 1},
	{"ends with the run", "single", reducing(func(p *tally, s *step, rows []row) []row {
		if s.Kind == domain.RunFinished {
			rows = append(rows, row{Final: true, Value: *p})
		}
		return rows
	}), 1},

	{"has a key twice", "keys", openRows(row{}, row{Index: 1}), 0},
	{"has the key of a final row again", "keys", func() projections.Projection[tally] {
		return &broken{reduce: finalOf("make"), open: func(p *tally, _ *tracker, rows []row) []row {
			return append(rows, row{Index: p.Count, Value: tally{Cmd: "make"}})
		}}
	}, 1},
	{"changes the key", "keys", newTally, 1},

	{"does not save its state", "resumable", func() projections.Projection[tally] { return sharesACount() }, 1},
	{"is no pointer", "resumable", func() projections.Projection[tally] { return byValue{} }, 0},
	{"can be restored once", "resumable", func() projections.Projection[tally] { return &onceOnly{} }, 2},
	{"goes wrong late after it was restored", "resumable", func() projections.Projection[tally] { return &late{since: -1} }, 3},
	{"looks at a job that is final", "resumable", perJob(func(run *tracker, job int) int {
		for j := range run.Jobs() {
			if j.Index == job && j.Final {
				return int(j.FinishedAtMs)
			}
		}
		return 0
	}), 1},

	{"takes 0 for no time", "shifted", reducing(func(p *tally, s *step, rows []row) []row {
		if p.Count == 0 && s.Kind != domain.NoEvent {
			p.Count = int(s.AtMs)
		}
		return rows
	}), 2},
	{"has 32 bits for a time", "shifted", reducing(func(p *tally, s *step, rows []row) []row {
		p.Count = int(int32(s.AtMs))
		return rows
	}), 1},

	{"tells the day", "timeless", opening(func(_ *tally, _ *tracker, rows []row) []row {
		return append(rows, row{Value: tally{Count: time.Now().YearDay()}})
	}), 0},
	{"tells how long it has been reading", "timeless", func() projections.Projection[tally] {
		began := time.Now()
		return &broken{open: func(_ *tally, _ *tracker, rows []row) []row {
			return append(rows, row{Value: tally{Count: int(time.Since(began) / time.Hour)}})
		}}
	}, 2},

	{"keeps what has ended", "bounded", func() projections.Projection[tally] { return &retries{Runs: map[string]map[string]int{}, hoards: true} }, 0},
	{"keeps what it does not save", "bounded", func() projections.Projection[tally] { return &seen{jobs: map[string]bool{}} }, 0},

	{"has a cache for the process", "elsewhere", cachedCommand, 30},
	{"tells the hour where it runs", "elsewhere", reducing(func(p *tally, s *step, rows []row) []row {
		p.Count = time.UnixMilli(s.AtMs).Hour()
		return rows
	}), 30},

	{"tells of the run in a job's row", "independent", perJob(func(run *tracker, _ int) int { return int(run.LastAtMs) }), 3},
	{"tells a job's rank", "independent", perJob(func(_ *tracker, i int) int { return i }), 3},
	{"counts events where its model counts lines", "model", reducing(func(p *tally, s *step, rows []row) []row {
		if s.Kind == domain.NoEvent {
			return rows
		}
		return p.Reduce(s, rows)
	}), 1},
	{"counts to 64", "model", reducing(func(p *tally, s *step, rows []row) []row {
		if p.Count < 64 {
			return p.Reduce(s, rows)
		}
		return rows
	}), 65},
}

// Each law finds its mistakes within the number of streams that a test draws, and reports a small one.
func TestLawsFindMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			err := breaks(t, m.law, m.new)
			if os.Getenv(elsewhereFile) != "" {
				return // it is the other process
			}
			require.Error(t, err, "no stream was found that breaks the law")
			t.Log(err)
			var found *Counterexample
			if errors.As(err, &found) && len(found.Stream) > m.entries {
				t.Errorf("the stream has %d entries, %d are enough", len(found.Stream), m.entries)
			}
		})
	}
}

// breaks tries one law on a projection, as Check would.
func breaks(t *testing.T, name string, newProjection maker[tally]) error {
	o := optionsOf([]Option{
		Independent(func(row tally) string { return row.Cmd }),
		Model(modelTally),
	})
	of := declared(newProjection)
	if name == "keys" {
		of = declared(newProjection, "cmd")
	}
	laws, err := lawsOf(of, o)
	require.NoError(t, err)
	switch name {
	case nameBounded:
		return bounded(newProjection)
	case nameElsewhere:
		return elsewhere(t, newProjection, o.generator(name))
	case nameTimeless:
		laws = append(laws, named[tally]{name, timeless[tally](t)})
	}
	law := laws[slices.IndexFunc(laws, func(l named[tally]) bool { return l.name == name })]
	for seed := range 100 {
		stream := o.generator(name).Example(seed)
		if err := law.hold(newProjection, stream); err != nil {
			return smallest(newProjection, law, stream, err)
		}
	}
	return nil
}

// sharesACount counts in a variable that is not part of the projection.
var sharesACount = func() maker[tally] {
	var count int
	return func() projections.Projection[tally] {
		return &broken{
			reduce: func(_ *tally, _ *step, rows []row) []row {
				count++
				return rows
			},
			open: func(_ *tally, _ *tracker, rows []row) []row {
				return append(rows, row{Value: tally{Count: count}})
			},
		}
	}
}()

// sharesACommand has the command of a sh ready for its end, and that of a
// neighbour if there is one.
var sharesACommand = func() maker[tally] {
	var cmd string
	return reducing(func(p *tally, s *step, rows []row) []row {
		switch {
		case s.ShOpens:
			cmd = s.Cmd
		case s.ShCloses:
			p.Cmd = cmd
		}
		return rows
	})
}()

// cachedCommand remembers the first command of a job, for all runs.
var cachedCommand = func() maker[tally] {
	var first sync.Map
	return reducing(func(p *tally, s *step, rows []row) []row {
		if s.ShOpens {
			cmd, _ := first.LoadOrStore(s.JobID, s.Cmd)
			p.Cmd = cmd.(string)
		}
		return rows
	})
}()

func keepsEntry() projections.Projection[tally] {
	var kept *domain.Entry
	return &broken{
		reduce: func(p *tally, s *step, rows []row) []row {
			kept = s.Entry
			return p.Reduce(s, rows)
		},
		open: func(p *tally, _ *tracker, rows []row) []row {
			if kept == nil {
				return rows
			}
			return append(rows, row{Value: tally{p.Count, kept.JobID}})
		},
	}
}

func keepsStep() projections.Projection[tally] {
	var kept *step
	return &broken{
		reduce: func(p *tally, s *step, rows []row) []row {
			kept = s
			return p.Reduce(s, rows)
		},
		open: func(_ *tally, _ *tracker, rows []row) []row {
			if kept == nil {
				return rows
			}
			return append(rows, row{Value: tally{Count: int(kept.PrevAtMs)}})
		},
	}
}

// listsTheOld lists the row as it was when it was listed last.
func listsTheOld() projections.Projection[tally] {
	var listed tally
	return &broken{open: func(p *tally, _ *tracker, rows []row) []row {
		rows = append(rows, row{Value: listed})
		listed = *p
		return rows
	}}
}

// finalOf hands out a row of each start of a command.
func finalOf(cmd string) func(p *tally, s *step, rows []row) []row {
	return func(p *tally, s *step, rows []row) []row {
		if s.ShOpens && s.Cmd == cmd {
			rows = append(rows, row{Index: p.Count, Final: true, Value: tally{Cmd: cmd}})
			p.Count++
		}
		return rows
	}
}

// finalRow hands out the same row at every event.
func finalRow(final row) maker[tally] {
	return func() projections.Projection[tally] {
		return &broken{
			reduce: func(_ *tally, _ *step, rows []row) []row { return append(rows, final) },
			open:   func(_ *tally, _ *tracker, rows []row) []row { return rows },
		}
	}
}

func openRows(open ...row) maker[tally] {
	return opening(func(_ *tally, _ *tracker, rows []row) []row { return append(rows, open...) })
}

// perJob lists a row for each job, with a count of all jobs.
func perJob(count func(run *tracker, job int) int) maker[tally] {
	return opening(func(_ *tally, run *tracker, rows []row) []row {
		for job := range run.Jobs() {
			rows = append(rows, row{Index: job.Index, Value: tally{count(run, job.Index), job.ID}})
		}
		return rows
	})
}

// retries has a row for each command that a job ran more than once. The rows become final with the job,
// in the order of a map.
type retries struct {
	Runs   map[string]map[string]int `json:"runs"`
	Rows   int                       `json:"rows"`
	hoards bool
}

func (*retries) Open(_ *tracker, rows []row) []row { return rows }

func (p *retries) Reduce(s *step, rows []row) []row {
	switch {
	case s.ShOpens && !s.Job.Final:
		if p.Runs[s.JobID] == nil {
			p.Runs[s.JobID] = map[string]int{}
		}
		p.Runs[s.JobID][s.Cmd]++
	case s.JobEnds:
		cmds := maps.Keys(p.Runs[s.JobID])
		if p.hoards {
			cmds = slices.Values(slices.Sorted(cmds))
		}
		for cmd := range cmds {
			if count := p.Runs[s.JobID][cmd]; count > 1 {
				rows = append(rows, row{Index: p.Rows, Final: true, Value: tally{count, cmd}})
				p.Rows++
			}
		}
		if !p.hoards {
			delete(p.Runs, s.JobID)
		}
	}
	return rows
}

// seen keeps all jobs without using them.
type seen struct {
	tally
	jobs map[string]bool
}

func (p *seen) Reduce(s *step, rows []row) []row {
	p.jobs[s.JobID] = true
	return p.tally.Reduce(s, rows)
}

// byValue is a projection that is no pointer: it can be saved, but not restored.
type byValue struct{ tally }

func (byValue) Reduce(_ *step, rows []row) []row  { return rows }
func (byValue) Open(_ *tracker, rows []row) []row { return rows }

// onceOnly can be restored only once, because it does not save its restored state.
type onceOnly struct{ count, restored int }

func (p *onceOnly) Reduce(_ *step, rows []row) []row {
	p.count++
	return rows
}

func (p *onceOnly) Open(_ *tracker, rows []row) []row {
	return append(rows, row{Value: tally{Count: p.count + p.restored}})
}

func (p *onceOnly) MarshalJSON() ([]byte, error)    { return json.Marshal(p.count) }
func (p *onceOnly) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &p.restored) }

// late makes a mistake at the second entry after it was restored.
type late struct {
	Count int `json:"count"`
	since int // -1 where it was not restored
}

func (p *late) Reduce(_ *step, rows []row) []row {
	p.Count++
	if p.since >= 0 {
		if p.since++; p.since == 2 {
			p.Count++
		}
	}
	return rows
}

func (p *late) Open(_ *tracker, rows []row) []row {
	return append(rows, row{Value: tally{Count: p.Count}})
}

func (p *late) UnmarshalJSON(data []byte) error {
	type plain late
	err := json.Unmarshal(data, (*plain)(p))
	if p.Count > 0 {
		p.since = 0
	}
	return err
}
