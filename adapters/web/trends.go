package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/trends"
)

// trendsQuery is the query of an address of trends.
type trendsQuery struct {
	Runs         string // conditions
	AssumeEnded  bool
	Pipeline     *trends.Pipeline // nil: any pipeline
	Job, Command string
}

func trendsQueryOf(query url.Values) trendsQuery {
	q := trendsQuery{Runs: query.Get("runs"), AssumeEnded: query.Has("assume-ended"), Job: query.Get("job"), Command: query.Get("command")}
	if query.Has("repo") || query.Has("pipeline") {
		q.Pipeline = &trends.Pipeline{Repo: query.Get("repo"), Name: query.Get("pipeline")}
	}
	return q
}

// at returns the address of the trends of the same runs; pairs are names and values of more
// parameters.
func (q trendsQuery) at(pairs ...string) string {
	query := url.Values{}
	if q.Runs != "" {
		query.Set("runs", q.Runs)
	}
	if q.AssumeEnded {
		query.Set("assume-ended", "1")
	}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return "/trends?" + query.Encode()
}

// ofJob returns the address of a job. The pipeline is in it if there are several pipelines.
func (q trendsQuery) ofJob(t *trends.Trends, of trends.Pipeline, id string, pairs ...string) string {
	if t.Several() {
		pairs = append(pairs, "repo", of.Repo, "pipeline", of.Name)
	}
	return q.at(append(pairs, "job", id)...)
}

// is reports whether the query is about a job of a pipeline.
func (q trendsQuery) is(of trends.Pipeline, job string) bool {
	return job == q.Job && (q.Pipeline == nil || *q.Pipeline == of)
}

// trends shows the trends of the latest runs; or, for a job or a command, all its runs.
func (s *Server) trends(w http.ResponseWriter, r *http.Request) error {
	q := trendsQueryOf(r.URL.Query())
	selected, err := report.ParseTrends(q.Runs, time.Now())
	if err != nil {
		return s.form(w, http.StatusBadRequest, "trends", &trendsPage{chrome: s.chrome("Trends"), Query: q, Problem: safe(err.Error())})
	}
	t, err := s.latest(r.Context(), selected, assumed(r.URL.Query()))
	if err != nil {
		return err
	}
	if !r.URL.Query().Has("job") {
		return s.html(w, "trends", newTrends(s.chrome("Trends"), q, t))
	}
	one, ok := oneTrend(q, t, r.URL.Query().Has("command"))
	if !ok {
		return &pageError{http.StatusNotFound, "These runs have no such command."}
	}
	one.chrome = s.chrome(one.Title + " over time")
	return s.html(w, "trend", one)
}

// latest returns the trends of the selected runs.
func (s *Server) latest(ctx context.Context, selected store.Selection, prepare []func(*projections.Record)) (*trends.Trends, error) {
	done, err := s.heavy(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if s.logs == nil {
		return trends.Stored(ctx, s.store, selected, nil, prepare...)
	}
	var v *view // the run of the previous failure
	return trends.Stored(ctx, s.store, selected, func(run *projections.Record, job string, seq int) string {
		if v == nil || v.Run.RunID != run.Run.RunID {
			if v, err = s.read(ctx, run.Run.RunID); err != nil {
				return ""
			}
		}
		return s.lastLine(ctx, v, job, seq)
	}, prepare...)
}

// lastLine returns the last line of a log, or "".
func (s *Server) lastLine(ctx context.Context, v *view, job string, seq int) string {
	of, _ := runlog.CommandOf(v.rows.ShEvents, job, seq)
	file, err := s.openLog(ctx, v.Run.RunID, v.source, of)
	if err != nil {
		return ""
	}
	defer file.Close()
	line, _ := runlog.LastLine(file, endBytes)
	return line
}

// trendsPage is the data of the page of trends.
type trendsPage struct {
	chrome
	Query    trendsQuery
	Problem  string // why the page has only the form
	Runs     string
	None     bool // no runs match
	LeftOut  []string
	Changes  changeTable
	Unstable []unstable
	Failures []shownFailure
	Jobs     []series
	Commands []series
	More     string // how many commands are left out
}

// changeTable is a table of changes; it has a column of names if it is about several commands.
type changeTable struct {
	Named bool
	Rows  []shownChange
}

// shownChange is a change of a command or a job.
type shownChange struct {
	Path, Job, Command          string
	Before, After, Change, Kind string
	Run, RunPath, Compare       string
	Started                     moment
}

// unstable is a job that fails now and then.
type unstable struct{ Path, Job, Because, Count, Failed string }

// shownFailure is a group of failures with the same cause.
type shownFailure struct {
	Job, Command, Line, Exit, Count string
	First, FirstPath                string
	Last, LastPath                  string
}

// series is a job or a command with its chart.
type series struct {
	Path, Job, Command         string
	Count, Failed, Median, P95 string
	Often                      bool // it has failed
	Chart                      chart
}

// maxSeries limits the commands that the page of trends shows.
const maxSeries = 200

func newTrends(c chrome, q trendsQuery, t *trends.Trends) *trendsPage {
	p := &trendsPage{chrome: c, Query: q, None: t.Runs == 0, Changes: changeTable{Named: true}}
	remarks := report.TrendRemarks(t)
	for i := range remarks {
		remarks[i] = safe(remarks[i])
	}
	p.Runs, p.LeftOut = remarks[0], remarks[1:]
	name := report.JobNames(t)
	for i := range t.Commands {
		command := &t.Commands[i]
		path, name := q.ofJob(t, command.Pipeline, command.JobID, "command", command.Cmd), name(command.Pipeline, command.JobID)
		p.Changes.Rows = append(p.Changes.Rows, changesOf(path, name, command.Cmd, command.Changes)...)
		if len(p.Commands) < maxSeries {
			p.Commands = append(p.Commands, seriesOf(path, name, command.Cmd, &command.Series))
		}
	}
	if more := len(t.Commands) - maxSeries; more > 0 {
		p.More = "… and " + display.Plural(more, "more command")
	}
	for i := range t.Jobs {
		job := &t.Jobs[i]
		path, name := q.ofJob(t, job.Pipeline, job.JobID), name(job.Pipeline, job.JobID)
		p.Jobs = append(p.Jobs, seriesOf(path, name, "", &job.Series))
		u := unstable{path, nameOf(name), "", fmt.Sprint(job.Count), report.Percent(job.Failed, job.Count)}
		switch job.Stability {
		case trends.Flaky:
			var shas []string
			for _, sha := range job.FlakyShas[:min(len(job.FlakyShas), 5)] {
				shas = append(shas, safe(short(sha)))
			}
			u.Because = "flaky: it failed and succeeded on " + strings.Join(shas, ", ")
			if more := len(job.FlakyShas) - len(shas); more > 0 {
				u.Because += fmt.Sprintf(" and %d more", more)
			}
		case trends.Unclear:
			u.Because = "fails now and then: the runs have no sha, so that it is unclear why"
		default:
			continue
		}
		p.Unstable = append(p.Unstable, u)
	}
	for _, f := range t.Failures[:min(len(t.Failures), maxSeries)] {
		shown := shownFailure{
			Job: nameOf(name(f.Pipeline, f.JobID)), Command: titleLine(f.Cmd), Line: safe(clip(f.LastLine, maxTitle)), Exit: "–", Count: fmt.Sprint(f.Count),
			First: nameOf(string(f.FirstRun)), FirstPath: runPath(string(f.FirstRun)), Last: nameOf(string(f.LastRun)), LastPath: runPath(string(f.LastRun)),
		}
		if f.ExitCode.Valid {
			shown.Exit = fmt.Sprint(f.ExitCode.V)
		}
		p.Failures = append(p.Failures, shown)
	}
	return p
}

func nameOf(id string) string { return safe(display.Name(id)) }

// titleLine returns the first line of a command.
func titleLine(cmd string) string {
	title, _ := texts(cmd, 0)
	return title
}

func changesOf(path, job, cmd string, changes []trends.Change) (all []shownChange) {
	for _, c := range changes {
		change, kind := changeOf(c.DeltaMs, c.BeforeMs)
		all = append(all, shownChange{
			Path: path, Job: nameOf(job), Command: titleLine(cmd), Before: display.Duration(c.BeforeMs), After: display.Duration(c.AfterMs), Change: change, Kind: kind,
			Run: nameOf(string(c.RunID)), RunPath: runPath(string(c.RunID)), Compare: comparePath("", string(c.RunID)), Started: momentOf(c.StartedAtMs),
		})
	}
	return all
}

func seriesOf(path, job, cmd string, s *trends.Series) series {
	return series{
		Path: path, Job: nameOf(job), Command: titleLine(cmd), Count: fmt.Sprint(s.Count), Failed: report.Percent(s.Failed, s.Count), Often: s.Failed > 0,
		Median: display.Maybe(s.MedianMs), P95: display.Maybe(s.P95Ms), Chart: chartOf(s),
	}
}

// trendPage is the data of the page of one job or command.
type trendPage struct {
	chrome
	Back  string
	Title string
	series
	Text    string
	Changes changeTable
	Points  []shownPoint // newest first
}

// shownPoint is a run in which the job or command ended.
type shownPoint struct {
	Run, Path, Took string
	Started         moment
	Failed, Changed bool
}

// oneTrend returns the page of the command, or of the job, that the query names.
func oneTrend(q trendsQuery, t *trends.Trends, command bool) (*trendPage, bool) {
	var of *trends.Series
	if at := slices.IndexFunc(t.Jobs, func(j trends.Job) bool { return q.is(j.Pipeline, j.JobID) }); at >= 0 && !command {
		of = &t.Jobs[at].Series
	}
	if at := slices.IndexFunc(t.Commands, func(c trends.Command) bool { return q.is(c.Pipeline, c.JobID) && c.Cmd == q.Command }); at >= 0 && command {
		of = &t.Commands[at].Series
	}
	if of == nil {
		return nil, false
	}
	p := &trendPage{Back: q.at(), Title: nameOf(q.Job), series: seriesOf("", q.Job, q.Command, of), Changes: changeTable{Rows: changesOf("", q.Job, q.Command, of.Changes)}}
	if command {
		var title string
		if title, p.Text = texts(q.Command, pageLimits.text); title != "" {
			p.Title += ": " + title
		}
	}
	changed := map[domain.RunID]bool{}
	for _, c := range of.Changes {
		changed[c.RunID] = true
	}
	for _, point := range slices.Backward(of.Points) {
		p.Points = append(p.Points, shownPoint{
			Run: nameOf(string(point.RunID)), Path: runPath(string(point.RunID)), Took: display.Maybe(point.Ms), Started: momentOf(point.StartedAtMs),
			Failed: point.Failed, Changed: changed[point.RunID],
		})
	}
	return p, true
}

// chart is a drawing of a series, 1000 wide and 100 high; slower is higher. Dots are drawn as lines
// of length 0, because a browser does not stretch the width of a line.
type chart struct {
	Dots, Failed string // SVG paths
	Medians      string // an SVG path of the medians between changes
	Changes      []int
	Top          string // the longest duration
}

// Margins of a chart, so that no dot is cut off.
const (
	chartLeft, chartRight = 10, 990
	chartTop, chartFloor  = 6, 94
)

func chartOf(s *trends.Series) chart {
	top := int64(1)
	for _, p := range s.Points {
		top = max(top, p.Ms.V)
	}
	x := func(i int) int { return chartLeft + (chartRight-chartLeft)*(2*i+1)/(2*len(s.Points)) }
	y := func(ms int64) int { return chartFloor - int(float64(ms)/float64(top)*(chartFloor-chartTop)) }
	var c chart
	var dots, failed, medians strings.Builder
	from, level, changes := chartLeft, s.MedianMs, s.Changes
	if len(changes) > 0 {
		level = projections.Some(changes[0].BeforeMs)
	}
	segment := func(to int) {
		if level.Valid {
			fmt.Fprintf(&medians, "M%d %dH%d", from, y(level.V), to)
		}
	}
	for i, p := range s.Points {
		if p.Ms.Valid {
			fmt.Fprintf(&dots, "M%d %dh0", x(i), y(p.Ms.V))
		}
		if p.Failed {
			fmt.Fprintf(&failed, "M%d %dh0", x(i), chartFloor)
		}
		if len(changes) > 0 && changes[0].RunID == p.RunID {
			at := x(i) - (chartRight-chartLeft)/(2*len(s.Points))
			segment(at)
			from, level, changes = at, projections.Some(changes[0].AfterMs), changes[1:]
			c.Changes = append(c.Changes, at)
		}
	}
	segment(chartRight)
	c.Dots, c.Failed, c.Medians, c.Top = dots.String(), failed.String(), medians.String(), display.Duration(top)
	return c
}
