package laws

import (
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// tally is a projection that breaks no law: one open row, which counts the
// entries and quotes the latest command.
type tally struct {
	Count int    `json:"count"`
	Cmd   string `json:"cmd"`
}

type (
	step    = projections.Step
	tracker = projections.Tracker
	row     = projections.Row[tally]
)

func (*tally) Name() string { return "tally" }

func (p *tally) Reduce(s *step, rows []row) []row {
	p.Count++
	if s.Kind == domain.ShStarted {
		p.Cmd = s.Cmd
	}
	return rows
}

func (p *tally) Open(_ *tracker, rows []row) []row { return append(rows, row{Value: *p}) }

func TestTallyBreaksNoLaw(t *testing.T) {
	Check(t, func() projections.Projection[tally] { return &tally{} })
}

// broken is a tally that does one thing in a way of its own.
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

// Each law finds the mistakes that it is there for, within as many streams as
// a test draws.
func TestLawsFindMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		law    law[tally]
		broken func() *broken
	}{
		"panics": {total[tally], func() *broken {
			return &broken{reduce: func(p *tally, s *step, rows []row) []row {
				p.Cmd = s.Job.ID // not every event names a job
				return rows
			}}
		}},
		"counts in a variable of all instances": {deterministic[tally], countIn(new(int))},
		"keeps the entry":                       {deterministic[tally], keepsEntry},
		"keeps the step":                        {deterministic[tally], keepsStep},
		"writes to the entry": {deterministic[tally], func() *broken {
			return &broken{reduce: func(_ *tally, s *step, rows []row) []row {
				s.AtMs++
				return rows
			}}
		}},
		"writes to the tracker": {deterministic[tally], func() *broken {
			return &broken{reduce: func(_ *tally, s *step, rows []row) []row {
				if s.Job != nil {
					s.Job.FinishedAtMs = 7
				}
				return rows
			}}
		}},
		"writes to the tracker when asked": {deterministic[tally], func() *broken {
			return &broken{open: func(_ *tally, run *tracker, rows []row) []row {
				run.FirstAtMs--
				return rows
			}}
		}},
		"lists what it listed before": {prefixes[tally], listsTheOld},
		"counts how often it listed": {openPure[tally], func() *broken {
			return &broken{open: func(p *tally, _ *tracker, rows []row) []row {
				p.Count++
				return append(rows, row{Value: *p})
			}}
		}},
		"one row of all jobs": {local[tally], func() *broken {
			return &broken{open: func(p *tally, run *tracker, rows []row) []row {
				for range run.Jobs() {
					return append(rows, row{Value: *p}) // not where no job has changed
				}
				return rows
			}}
		}},
		"final at each event":  {finalOnce[tally], finalRow(row{Final: true})},
		"final and still open": {finalOnce[tally], finalOnceAndOpen},
		"final but not marked": {finalOnce[tally], finalRow(row{})},
		"open but marked":      {finalOnce[tally], openRows(row{Final: true})},
		"counts from 1":        {indexed[tally], openRows(row{Index: 1})},
		"an index twice":       {indexed[tally], openRows(row{}, row{})},
		"open in no order":     {indexed[tally], openRows(row{Index: 1}, row{})},
		"an index left out":    {indexed[tally], openRows(row{}, row{Index: 2})},
		"state not saved":      {resumable[tally], func() *broken { return countIn(new(int))() }},
		"rows tell of the run": {ofOneJob, perJob(func(run *tracker, _ int) int { return int(run.LastAtMs) })},
		"rows tell their rank": {ofOneJob, perJob(func(_ *tracker, i int) int { return i })},
		"not as its model":     {nothingAtAll, func() *broken { return &broken{} }},
	} {
		t.Run(name, func(t *testing.T) {
			err := search(test.law, func() projections.Projection[tally] { return test.broken() })
			if err == nil {
				t.Fatal("no stream was found that breaks the law")
			}
			t.Log(err)
		})
	}
}

// search tries the law on as many streams as rapid would draw.
func search(law law[tally], newProjection maker[tally]) error {
	for seed := range 100 {
		if err := law(newProjection, Streams().Example(seed)); err != nil {
			return err
		}
	}
	return nil
}

func ofOneJob(newProjection maker[tally], stream []domain.Entry) error {
	return independent(newProjection, func(row tally) string { return row.Cmd }, stream)
}

func nothingAtAll(newProjection maker[tally], stream []domain.Entry) error {
	return asModel(newProjection, func([]domain.Entry) []tally { return nil }, stream)
}

// byValue is a projection that is no pointer: it can be saved, but JSON has
// nothing to restore it into.
type byValue struct{ tally }

func (byValue) Name() string                      { return "by value" }
func (byValue) Reduce(_ *step, rows []row) []row  { return rows }
func (byValue) Open(_ *tracker, rows []row) []row { return rows }

func newByValue() projections.Projection[tally] { return byValue{} }

func TestResumableFindsValues(t *testing.T) {
	if err := search(resumable[tally], newByValue); err == nil {
		t.Error("a projection that cannot be restored was restored")
	}
}

func TestHoldIsAllLaws(t *testing.T) {
	if err := search(Hold[tally], func() projections.Projection[tally] { return &tally{} }); err != nil {
		t.Error(err)
	}
	if err := search(Hold[tally], newByValue); err == nil {
		t.Error("a projection that cannot be restored was restored")
	}
}
