package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/store"
)

// comparePath returns the address of the comparison of two runs. If a is empty, b is compared with
// the run before it.
func comparePath(a, b string) string {
	query := url.Values{"b": {b}}
	if a != "" {
		query.Set("a", a)
	}
	return "/compare?" + query.Encode()
}

// compare shows the differences between two runs or two groups of runs. The address names a and b,
// or only b, to compare it with the run before; or two runs that were chosen in the list, where a is
// the earlier one.
func (s *Server) compare(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	a, b, prepare := query.Get("a"), query.Get("b"), assumed(query)
	page, status := &comparison{}, http.StatusOK
	switch chosen := query["run"]; {
	case len(chosen) == 2:
		return s.compareChosen(w, r, chosen)
	case len(chosen) > 0:
		return &pageError{http.StatusBadRequest, "Choose two runs in the list."}
	case a == "" && b != "":
		return s.comparePrevious(w, r, domain.RunID(b))
	case a != "" && b != "":
		var err error
		var wrong *groupsError
		if page, err = s.comparison(r.Context(), a, b, prepare); errors.As(err, &wrong) {
			page, status = &comparison{Problem: safe(wrong.Error())}, http.StatusBadRequest
		} else if err != nil {
			return err
		}
	}
	page.A.ID, page.B.ID, page.AssumeEnded = a, b, prepare != nil
	title := "Compare runs"
	if page.B.Path != "" {
		title = page.A.Title + " → " + page.B.Title
	}
	page.chrome = s.chrome(title)
	return s.form(w, status, "compare", page)
}

// assumed returns how runs are prepared: as with --assume-ended, if the address has that.
func assumed(query url.Values) []func(*projections.Record) {
	if query.Has("assume-ended") {
		return []func(*projections.Record){compare.AssumeEnded}
	}
	return nil
}

// form answers with a page that has a form. With the status of an error, the error is shown above
// the form.
func (s *Server) form(w http.ResponseWriter, status int, name string, data any) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	return s.html(w, name, data)
}

// groupsError reports invalid groups in the address.
type groupsError struct{ error }

// comparison compares two runs of the store, or two groups, as the command compare does.
func (s *Server) comparison(ctx context.Context, a, b string, prepare []func(*projections.Record)) (*comparison, error) {
	groups, err := s.groupsOf(ctx, a, b)
	if err != nil {
		return nil, err
	}
	done, err := s.heavy(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if groups != nil {
		g, err := compare.StoredGroups(ctx, s.store, groups[0], groups[1], prepare...)
		if none := new(compare.NoRunsError); errors.As(err, &none) {
			return nil, &groupsError{none}
		} else if err != nil {
			return nil, err
		}
		return newGroupComparison(g), nil
	}
	// Each run is read at one moment, so that the comparison is of the rows that the page shows.
	var runs [2]*projections.Record
	for i, id := range []string{a, b} {
		if runs[i], err = store.ReadRecord(ctx, s.store, domain.RunID(id)); err != nil {
			return nil, err
		}
		for _, prepared := range prepare {
			prepared(runs[i])
		}
	}
	c, err := compare.StoredRecords(ctx, s.store, runs[0], runs[1], prepare...)
	if err != nil {
		return nil, err
	}
	return newComparison(c, runs[0], runs[1]), nil
}

// groupsOf returns two groups of runs. It returns nil if a and b name runs: if they contain no
// condition, or if a run with such an id exists.
func (s *Server) groupsOf(ctx context.Context, a, b string) ([]store.Selection, error) {
	for _, id := range []string{a, b} {
		if !strings.Contains(id, "=") {
			continue
		}
		if _, err := store.ReadRun(ctx, s.store, domain.RunID(id)); !errors.Is(err, store.ErrNoRun) {
			return nil, err
		}
	}
	of, err := report.ParseStored(a, b, time.Now())
	if err != nil {
		return nil, &groupsError{err}
	}
	return of.Groups, nil
}

// compareChosen redirects to the comparison of two runs, with the earlier one first.
func (s *Server) compareChosen(w http.ResponseWriter, r *http.Request, chosen []string) error {
	var began [2]projections.Null[int64]
	for i, part := range chosen {
		run, err := url.PathUnescape(part)
		if err != nil {
			return errNoPage
		}
		chosen[i] = idIn(run)
		row, err := store.ReadRun(r.Context(), s.store, domain.RunID(chosen[i]))
		if err != nil {
			return err
		}
		began[i] = row.StartedAtMs
	}
	if began[0].Valid && began[1].Valid && began[0].V > began[1].V {
		slices.Reverse(chosen)
	}
	http.Redirect(w, r, comparePath(chosen[0], chosen[1]), http.StatusSeeOther)
	return nil
}

// comparePrevious redirects to the comparison of a run with the one before it.
func (s *Server) comparePrevious(w http.ResponseWriter, r *http.Request, run domain.RunID) error {
	previous, err := compare.Previous(r.Context(), s.store, run)
	switch {
	case err != nil:
		return err
	case previous == "":
		return &pageError{http.StatusNotFound, "There is no earlier run of the same pipeline."}
	}
	http.Redirect(w, r, comparePath(string(previous), string(run)), http.StatusSeeOther)
	return nil
}

// heavy waits until it may read many runs: only a few requests do so at once. Call done at the end.
func (s *Server) heavy(ctx context.Context) (done func(), err error) {
	select {
	case s.many <- struct{}{}:
		return func() { <-s.many }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// comparison is the data of the page of a comparison.
type comparison struct {
	chrome
	A, B compared
	// Change is the change of the duration; "" if a duration is not known.
	Change, Kind string
	Remarks      []string // how many commands match, how many runs verdicts are based on, and warnings
	LeftOut      []string // earlier runs that were not used, with the reasons
	Parts        []part
	Ticks        []tick
	LengthMs     int64 // length of the axis
	Jobs         []pair
	Commands     []pair     // those that explain most of the difference come first
	More         string     // how many commands are left out
	Groups       []groupRow // for groups of runs, which have no axis, jobs and commands
	Problem      string     // why the page has only the form
	AssumeEnded  bool
}

// groupRow compares the durations of whole runs, or of one command, in two groups.
type groupRow struct {
	Job, Title                      string
	A, B, Change, P, Verdict        string
	IntervalA, IntervalB, IntervalC string
	Kind                            string
	// The change and its interval are drawn at a width of 1000: the middle is no change, and the
	// edges are the whole of A.
	Drawn               bool
	X, Width, Low, Span int
}

// compared is one of the two runs of a comparison.
type compared struct {
	Name            string // A or B
	ID, Title, Path string
	Verdict         verdict
	Took            string
	Started         moment
}

// part is a part of the difference, with a bar that starts in the middle.
type part struct {
	Name, Change, Kind string
	X, Width           int // in thousandths of the width
}

// pair is a job or a command that is in both runs or in one of them.
type pair struct {
	Job, Title, Text string
	A, B             *lane // nil if that run does not have it
	Change           string
	Kind, Word       string // Kind is slower, faster, only or ""
}

// lane is a job or a command in one of the runs: what is drawn, and the link to the page of the
// run.
type lane struct {
	Path, Took string
	Bars       []bar
}

// Link returns the shape that connects the bars of both runs, as the points of a polygon.
func (p *pair) Link() string {
	if p.A == nil || p.B == nil {
		return ""
	}
	a, b := p.A.Bars[0], p.B.Bars[0]
	return fmt.Sprintf("%d,10 %d,10 %d,20 %d,20", a.X, a.X+a.Width, b.X+b.Width, b.X)
}

// maxPairs limits the commands that a comparison shows.
const maxPairs = 1000

func newComparison(c *compare.Comparison, of, to *projections.Record) *comparison {
	p := &comparison{A: comparedOf("A", &c.A, of), B: comparedOf("B", &c.B, to)}
	if delta := c.WallMs.Delta; delta.Valid {
		p.Change, p.Kind = changeOf(delta.V, c.WallMs.A.V)
	}
	remarks := report.Remarks(c)
	for i := range remarks {
		remarks[i] = safe(remarks[i])
	}
	p.Remarks, p.LeftOut = remarks[:2+len(c.Notes)], remarks[2+len(c.Notes):]
	p.Parts = partsOf(report.Parts(c))
	p.LengthMs = max(c.WallMs.A.V, c.WallMs.B.V, 1)
	a, b := drawn(of, p.LengthMs), drawn(to, p.LengthMs)
	p.Ticks = axis{0, p.LengthMs}.ticks()
	p.Jobs = jobPairs(a, b)
	for i := range c.Commands {
		command := &c.Commands[i]
		if len(p.Commands) == maxPairs {
			p.More = fmt.Sprintf("… and %s that explain less", display.Plural(len(c.Commands)-maxPairs, "more command"))
			break
		}
		p.Commands = append(p.Commands, pairOf(command, a, b))
	}
	return p
}

func newGroupComparison(g *compare.Groups) *comparison {
	p := &comparison{}
	p.Remarks, p.LeftOut = report.GroupRemarks(g)
	for _, all := range [][]string{p.Remarks, p.LeftOut} {
		for i := range all {
			all[i] = safe(all[i])
		}
	}
	if by := g.Wall.Shift; by != nil {
		var kind string
		if p.Change, kind = changeOf(by.Ms, g.Wall.A.Median.Ms); g.Wall.Verdict != compare.None {
			p.Kind = kind
		}
	}
	shifts := []*compare.Shift{&g.Wall}
	for i := range g.Commands {
		shifts = append(shifts, &g.Commands[i].Shift)
	}
	for i, cells := range report.GroupRows(g) {
		if i > maxPairs {
			p.More = fmt.Sprintf("… and %s that changed less", display.Plural(len(shifts)-i, "more command"))
			break
		}
		row := groupRow{
			Title: titleLine(cells[1]), A: cells[2], IntervalA: cells[3], B: cells[4], IntervalB: cells[5], Change: cells[6], IntervalC: cells[7], P: cells[8], Verdict: cells[9],
			Kind: string(shifts[i].Verdict),
		}
		if i > 0 {
			row.Job = nameOf(cells[0])
		}
		row.draw(shifts[i])
		p.Groups = append(p.Groups, row)
	}
	return p
}

// draw computes the drawing of a change, in proportion to A.
func (r *groupRow) draw(s *compare.Shift) {
	if s.Shift == nil || s.A.Median.Ms <= 0 {
		return
	}
	between := func(a, b int64) (x, width int) {
		at := func(ms int64) int { return 500 + int(500*min(1, max(-1, float64(ms)/float64(s.A.Median.Ms)))) }
		return at(min(a, b)), at(max(a, b)) - at(min(a, b))
	}
	r.Drawn = true
	r.X, r.Width = between(0, s.Shift.Ms)
	if s.Shift.Low.Valid {
		r.Low, r.Span = between(s.Shift.Low.V, s.Shift.High.V)
	}
}

func comparedOf(name string, run *compare.Run, r *projections.Record) compared {
	return compared{
		Name: name, ID: string(run.RunID), Title: titleOf(string(run.RunID), run.Labels), Path: runPath(string(run.RunID)),
		Verdict: verdictOf(display.OfRun(&run.Run)), Took: display.Maybe(r.Timings.Run.WallMs), Started: momentOf(r.Timings.Run.StartedAtMs),
	}
}

// changeOf formats a change of a duration, and returns its kind: slower, faster or "".
func changeOf(delta, before int64) (text, kind string) {
	text = report.Signed(delta)
	if before > 0 && delta != 0 {
		text += strings.Replace(fmt.Sprintf(" (%+.0f %%)", 100*float64(delta)/float64(before)), "-", "−", 1)
	}
	switch {
	case delta > 0:
		kind = "slower"
	case delta < 0:
		kind = "faster"
	}
	return text, kind
}

func partsOf(all []report.Part) (parts []part) {
	most := 1.0
	for _, p := range all {
		most = max(most, math.Abs(float64(p.Ms)))
	}
	for _, p := range all {
		width := int(500 * math.Abs(float64(p.Ms)) / most)
		shown := part{Name: p.Name, Change: report.Signed(p.Ms), Kind: "slower", X: 500, Width: width}
		if p.Ms < 0 {
			shown.Kind, shown.X = "faster", 500-width
		}
		parts = append(parts, shown)
	}
	return parts
}

// drawing is a run on the axis that both runs share.
type drawing struct {
	*page
	record *projections.Record
	byID   map[string]*job
}

func drawn(r *projections.Record, length int64) *drawing {
	timing := &r.Timings.Run
	d := &drawing{page: &page{ID: string(r.Run.RunID), NowMs: timing.LastAtMs.V, Grows: !r.Run.Ended}, record: r}
	a := newAxis(timing.StartedAtMs.V, length, true)
	d.byID = d.jobs(&rows{Record: r}, a, pageLimits)
	d.commands(&rows{Record: r}, d.byID, a, pageLimits)
	return d
}

// lane returns the drawing of a job or a command.
func (d *drawing) lane(anchor, took string, bars []bar) *lane {
	return &lane{runPath(d.ID) + "#" + anchor, took, bars}
}

// command returns the drawing of a command of a job. Commands are numbered from 1.
func (d *drawing) command(jobID string, of *compare.Side) *lane {
	if of == nil {
		return nil
	}
	c := d.byID[jobID].Commands[of.Seq-1]
	return d.lane(c.Anchor, c.Took, c.Bars)
}

// job returns the drawing of a job, and the job's duration.
func (d *drawing) job(id string) (*lane, projections.Null[int64]) {
	j := d.byID[id]
	if j == nil {
		return nil, projections.Null[int64]{}
	}
	return d.lane(j.Anchor, j.Took, j.Bars), d.record.Timings.Jobs[j.index].DurationMs
}

// jobPairs pairs the jobs of both runs: in the order of b, followed by those that only a has.
func jobPairs(a, b *drawing) (pairs []pair) {
	var ids []string
	for _, row := range b.record.Jobs {
		ids = append(ids, row.JobID)
	}
	for _, row := range a.record.Jobs {
		if b.byID[row.JobID] == nil {
			ids = append(ids, row.JobID)
		}
	}
	for _, id := range ids {
		p := pair{Job: safe(display.Name(id))}
		var was, is projections.Null[int64]
		p.A, was = a.job(id)
		p.B, is = b.job(id)
		if was.Valid && is.Valid {
			p.Change, _ = changeOf(is.V-was.V, was.V)
		}
		pairs = append(pairs, p.onlyIn())
	}
	return pairs
}

func pairOf(c *compare.Command, a, b *drawing) pair {
	p := pair{Job: safe(display.Name(c.JobID)), A: a.command(c.JobID, c.A), B: b.command(c.JobID, c.B)}
	p.Title, p.Text = texts(c.Cmd, pageLimits.text)
	if c.DeltaMs.Valid || c.A == nil || c.B == nil {
		p.Change = report.Signed(c.Explains())
	}
	if c.Verdict != compare.None {
		p.Kind, p.Word = string(c.Verdict), string(c.Verdict)
	}
	return p.onlyIn()
}

// onlyIn sets the kind of a pair that is in one run only.
func (p pair) onlyIn() pair {
	switch {
	case p.A == nil:
		p.Kind, p.Word = "only", "only in B"
	case p.B == nil:
		p.Kind, p.Word = "only", "only in A"
	}
	return p
}

// Path returns the link to the pair in the last run that has it.
func (p *pair) Path() string {
	if p.B != nil {
		return p.B.Path
	}
	return p.A.Path
}
