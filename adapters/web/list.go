package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// pageSize is the number of runs on a page of the list.
const pageSize = 50

// listView is the data of the list of runs.
type listView struct {
	chrome
	Runs         []listed
	Filter       filter
	States       []choice
	Newer, Older string // addresses, "" if there are none
}

// listed is a run in the list.
type listed struct {
	Path, Title, Folder string
	ID, Choice          string // Choice is the id as a parameter of an address.
	Verdict             verdict
	Labels              []label
	Jobs, Failed        int
	Took, Age           string
	Started             moment
}

// filter has the conditions of the list, as text of the address.
type filter struct{ State, Label, Text string }

// Any reports whether there is any condition.
func (f filter) Any() bool { return f != filter{} }

// choice is a state in the form of the filter.
type choice struct {
	Value, Text string
	Chosen      bool
}

// The states to filter by. They are those of runs, except that a run without run_finished whose
// jobs are complete counts as active.
var states = []struct {
	value, text string
	state       projections.State
	ended       projections.Null[bool]
}{
	{"", "any", "", projections.Null[bool]{}},
	{"failed", "failed", projections.Failed, projections.Null[bool]{}},
	{"complete", "complete", projections.Complete, projections.Some(true)},
	{"active", "going on", "", projections.Some(false)},
}

// pageOf reads the filter and the page from an address.
func pageOf(query url.Values) (page store.Page, f filter, err error) {
	f = filter{query.Get("state"), query.Get("label"), query.Get("q")}
	bad := func(what string) error { return &pageError{http.StatusBadRequest, what} }
	at := slices.IndexFunc(states, func(s struct {
		value, text string
		state       projections.State
		ended       projections.Null[bool]
	}) bool {
		return s.value == f.State
	})
	if at < 0 {
		return page, f, bad("There is no such state.")
	}
	page.State, page.Ended, page.Text = states[at].state, states[at].ended, f.Text
	if f.Label != "" {
		key, value, ok := strings.Cut(f.Label, "=")
		if !ok {
			return page, f, bad("A label is written as key=value.")
		}
		page.Label = &projections.Label{Key: key, Value: value}
	}
	for name, to := range map[string]**store.Run{"after": &page.After, "before": &page.Before} {
		if text := query.Get(name); text != "" {
			if *to, err = cursor(text); err != nil {
				return page, f, bad("There is no such page of the list.")
			}
		}
	}
	page.Limit = pageSize + 1
	return page, f, nil
}

// cursor parses the place of a run in the list: its start, if known, and its id.
func cursor(text string) (*store.Run, error) {
	start, id, _ := strings.Cut(text, " ")
	run := &store.Run{}
	run.RunID = domain.RunID(id)
	if start != "" {
		ms, err := strconv.ParseInt(start, 10, 64)
		if err != nil {
			return nil, err
		}
		run.StartedAtMs = projections.Some(ms)
	}
	return run, nil
}

func cursorOf(run *store.Listed) string {
	start := ""
	if run.StartedAtMs.Valid {
		start = strconv.FormatInt(run.StartedAtMs.V, 10)
	}
	return start + " " + string(run.RunID)
}

// search returns the address of the list with this filter; page are parameters that choose the
// page.
func (f filter) search(page ...string) string {
	query := url.Values{}
	for _, pair := range [][2]string{{"state", f.State}, {"label", f.Label}, {"q", f.Text}, {append(page, "", "")[0], append(page, "", "")[1]}} {
		if pair[1] != "" {
			query.Set(pair[0], pair[1])
		}
	}
	if len(query) == 0 {
		return "/"
	}
	return "/?" + query.Encode()
}

// labelSearch returns the address of the list of the runs with a label.
func labelSearch(key, value string) string {
	if strings.Contains(key, "=") { // the filter cannot express such a key
		return ""
	}
	return filter{Label: key + "=" + value}.search()
}

// page reads the page of runs that a request asks for, and reports whether there are newer and
// older ones.
func (s *Server) page(r *http.Request) (runs []store.Listed, f filter, newer, older bool, err error) {
	page, f, err := pageOf(r.URL.Query())
	if err != nil {
		return nil, f, false, false, err
	}
	runs, err = s.store.Runs(r.Context(), page)
	if err != nil {
		return nil, f, false, false, err
	}
	more := len(runs) > pageSize
	if page.Before != nil {
		runs = runs[max(0, len(runs)-pageSize):]
		return runs, f, more, true, nil
	}
	return runs[:min(len(runs), pageSize)], f, page.After != nil, more, nil
}

// list shows the runs.
func (s *Server) list(w http.ResponseWriter, r *http.Request) error {
	runs, f, newer, older, err := s.page(r)
	if err != nil {
		return err
	}
	view := listView{chrome: s.chrome("Runs"), Filter: f}
	view.Feed, view.Refresh = true, true
	for _, state := range states {
		view.States = append(view.States, choice{state.value, state.text, state.value == f.State})
	}
	for i := range runs {
		view.Runs = append(view.Runs, listedOf(&runs[i], time.Now()))
	}
	if newer && len(runs) > 0 {
		view.Newer = f.search("before", cursorOf(&runs[0]))
	}
	if older && len(runs) > 0 {
		view.Older = f.search("after", cursorOf(&runs[len(runs)-1]))
	}
	return s.html(w, "list", view)
}

func listedOf(run *store.Listed, now time.Time) listed {
	l := listed{
		Path: runPath(string(run.RunID)), ID: safe(display.Name(string(run.RunID))), Choice: pathOf(string(run.RunID)), Title: titleOf(string(run.RunID), run.Labels),
		Verdict: verdictOf(display.OfRun(&run.Run.Run)), Jobs: run.Jobs, Failed: run.FailedJobs,
		Took: display.Maybe(run.WallMs), Started: momentOf(run.StartedAtMs), Labels: labelsOf(run.Labels),
	}
	for i, of := range run.Labels {
		if of.Key == "sha" {
			l.Labels[i].Value = safe(short(of.Value))
		}
	}
	if len(run.Labels) == 0 && run.Source != "" {
		l.Folder = safe(filepath.Base(filepath.Dir(run.Source)))
	}
	if l.Started.Text != "" {
		l.Age = age(now.Sub(time.UnixMilli(run.StartedAtMs.V)))
	}
	return l
}

func labelsOf(labels []projections.Label) (all []label) {
	for _, l := range labels {
		all = append(all, label{safe(l.Key), safe(l.Value), labelSearch(l.Key, l.Value)})
	}
	return all
}

// age formats how long ago something was.
func age(ago time.Duration) string {
	switch {
	case ago < 0:
		return "in the future"
	case ago < time.Minute:
		return "just now"
	case ago < time.Hour:
		return display.Plural(int(ago.Minutes()), "minute") + " ago"
	case ago < 48*time.Hour:
		return display.Plural(int(ago.Hours()), "hour") + " ago"
	}
	return display.Plural(int(ago.Hours()/24), "day") + " ago"
}

// apiRuns answers with a page of the list as JSON: the rows of runs with their labels.
func (s *Server) apiRuns(w http.ResponseWriter, r *http.Request) error {
	runs, f, newer, older, err := s.page(r)
	if err != nil {
		return err
	}
	type row struct {
		projections.Run
		projections.RunTiming
		Labels map[string]string `json:"labels"`
	}
	answer := struct {
		Schema string  `json:"schema"`
		Runs   []row   `json:"runs"`
		Newer  *string `json:"newer"`
		Older  *string `json:"older"`
	}{Schema: "quire-project/runs/v1", Runs: []row{}}
	for i := range runs {
		labels := map[string]string{}
		for _, l := range runs[i].Labels {
			labels[l.Key] = l.Value
		}
		answer.Runs = append(answer.Runs, row{runs[i].Run.Run, runs[i].RunTiming, labels})
	}
	address := func(is bool, name string, at int) *string {
		if !is || len(runs) == 0 {
			return nil
		}
		path := "/api/runs" + strings.TrimPrefix(f.search(name, cursorOf(&runs[at])), "/")
		return &path
	}
	answer.Newer, answer.Older = address(newer, "before", 0), address(older, "after", len(runs)-1)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
	return nil
}

// feed answers with the latest failed runs, as an Atom feed (RFC 4287).
func (s *Server) feed(w http.ResponseWriter, r *http.Request) error {
	page, f, err := pageOf(r.URL.Query())
	if err != nil {
		return err
	}
	page.State, page.Ended, page.Limit, page.After, page.Before = projections.Failed, projections.Null[bool]{}, pageSize, nil, nil
	runs, err := s.store.Runs(r.Context(), page)
	if err != nil {
		return err
	}
	base := scheme(r) + "://" + r.Host
	document := atomFeed{Title: "Failed runs", ID: base + f.search(), Links: []atomLink{{base + "/", ""}, {base + "/feed" + strings.TrimPrefix(f.search(), "/"), "self"}}, Updated: atomTime(0), Author: "quire-project"}
	for i := range runs {
		run := &runs[i]
		updated := atomTime(run.LastAtMs.V)
		document.Updated = max(document.Updated, updated)
		document.Entries = append(document.Entries, atomEntry{
			Title: titleOf(string(run.RunID), run.Labels) + " failed", ID: base + runPath(string(run.RunID)), Link: atomLink{base + runPath(string(run.RunID)), ""},
			Updated: updated, Summary: fmt.Sprintf("%d of %s failed", run.FailedJobs, display.Plural(run.Jobs, "job")),
		})
	}
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	return writeFeed(w, &document)
}

// badge answers with a picture of the verdict of the newest run that matches the filter.
func (s *Server) badge(w http.ResponseWriter, r *http.Request) error {
	page, f, err := pageOf(r.URL.Query())
	if err != nil {
		return err
	}
	page.Limit, page.Before, page.After = 1, nil, nil
	runs, err := s.store.Runs(r.Context(), page)
	if err != nil {
		return err
	}
	b := badge{Name: "runs", Verdict: verdict{"open", "", "none"}}
	if f.Label != "" {
		_, b.Name, _ = strings.Cut(f.Label, "=")
		b.Name = safe(clip(b.Name, 40))
	}
	if len(runs) > 0 {
		b.Verdict = verdictOf(display.OfRun(&runs[0].Run.Run))
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-cache")
	return sent(templates.ExecuteTemplate(w, "badge", b.measured()))
}
