package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
	"github.com/quire-ci/quire-project/projections/trends"
)

// The page of a comparison shows the comparison: each command once, with a bar for each run that
// has it, a link if both have it, and the parts of the difference.
func TestComparePage(t *testing.T) {
	check := func(t interface {
		require.TestingT
		Context() context.Context
	}, a, b []byte) {
		db := memory.Of(set)
		applyTo(t, db, "a", a)
		applyTo(t, db, "b", b)
		want, err := compare.Stored(t.Context(), db, "a", "b")
		require.NoError(t, err)
		server := web.New(web.Options{Store: db})
		defer server.Close()
		answer := get(t, server, "/compare?a=a&b=b")
		require.Equal(t, http.StatusOK, answer.Code)
		page := parsePage(t, answer.Body.String())
		lists := find(page, "ol", "part")
		require.Len(t, lists, 2)
		rows := find(lists[1].Node, "li", "pair")
		require.Len(t, rows, len(want.Commands))
		for i, row := range rows {
			c := &want.Commands[i]
			both := c.A != nil && c.B != nil
			require.Len(t, find(row.Node, "polygon", ""), map[bool]int{true: 1}[both])
			require.Len(t, find(row.Node, "rect", ""), map[bool]int{true: 2, false: 1}[both])
			require.Equal(t, !both, strings.Contains(row.attribute("class"), "only"))
			require.Equal(t, c.Verdict != compare.None, strings.Contains(row.attribute("class"), string(c.Verdict)))
			if c.DeltaMs.Valid {
				require.Contains(t, find(row.Node, "span", "change")[0].text(), report.Signed(c.DeltaMs.V))
			}
		}
		account := find(page, "table", "account")
		require.Len(t, account, map[bool]int{true: 1}[want.Account != nil])
		for i, part := range report.Parts(want) {
			require.Contains(t, find(account[0].Node, "tr", "")[i+1].text(), report.Signed(part.Ms))
		}
	}
	t.Run("hostile", func(t *testing.T) { check(t, hostileStream(), hostileStream()) })
	t.Run("generated", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			a, b := encode(laws.Events().Draw(t, "a")), encode(laws.Events().Draw(t, "b"))
			if len(a) == 0 || len(b) == 0 {
				t.Skip("no bytes")
			}
			check(t, a, b)
		})
	})
}

// Two chosen runs are compared in the order of their starts, and a single run with the previous run
// of its pipeline.
func TestCompareWhich(t *testing.T) {
	db := memory.Of(set)
	for i, repo := range []string{"shop", "shop", "other", "shop"} {
		labels := must(domain.NewLabels(domain.Label{Key: "repo", Value: repo}))
		applyTo(t, db, domain.RunID(fmt.Sprint("run/", i)), encode(append([]domain.Event{domain.NewRunStarted(int64(i), labels)}, build(int64(i))...)))
	}
	server := web.New(web.Options{Store: db})
	defer server.Close()
	for path, to := range map[string]string{
		"/compare?run=run%252F3&run=run%252F0": "/compare?a=run%2F0&b=run%2F3",
		"/compare?run=run%252F0&run=run%252F3": "/compare?a=run%2F0&b=run%2F3",
		"/compare?b=run%2F3":                   "/compare?a=run%2F1&b=run%2F3",
	} {
		answer := get(t, server, path)
		require.Equal(t, http.StatusSeeOther, answer.Code, path)
		require.Equal(t, to, answer.Header().Get("Location"), path)
	}
	for path, status := range map[string]int{
		"/compare": 200, "/compare?a=run%2F0": 200, "/compare?run=run%252F0": 400, "/compare?run=a&run=b&run=c": 400, "/compare?run=%25&run=b": 404,
		"/compare?b=run%2F0": 404, "/compare?b=none": 404, "/compare?a=run%2F0&b=none": 404, "/compare?run=none&run=b": 404,
	} {
		require.Equal(t, status, get(t, server, path).Code, path)
	}
}

// The page of two groups of runs shows the same rows, remarks and conditions as the command.
func TestCompareGroupsPage(t *testing.T) {
	db := memory.Of(set)
	for i := range int64(24) {
		took := 10_000 + i*37%11*10 + i/12*5000
		labels := must(domain.NewLabels(domain.Label{Key: "ref", Value: []string{"main", "topic"}[i/12]}))
		events := []domain.Event{domain.NewRunStarted(i, labels), domain.NewJobStarted(i, "<b>"), domain.NewShStarted(i, "<b>", "go test"), domain.NewShFinished(i+took, "<b>", 0), domain.NewJobFinished(i+took, "<b>", domain.Complete)}
		if i != 3 {
			events = append(events, domain.NewRunFinished(i+took, domain.Complete))
		}
		applyTo(t, db, domain.RunID(fmt.Sprint("run=", i)), encode(events))
	}
	server := web.New(web.Options{Store: db})
	defer server.Close()
	of := must(report.ParseStored("ref=main,state=any", "ref=topic", time.Now()))
	want, err := compare.StoredGroups(t.Context(), db, of.Groups[0], of.Groups[1])
	require.NoError(t, err)
	require.Equal(t, compare.Slower, want.Wall.Verdict)
	answer := get(t, server, "/compare?a=ref%3Dmain%2Cstate%3Dany&b=ref%3Dtopic")
	require.Equal(t, http.StatusOK, answer.Code)
	page := parsePage(t, answer.Body.String())
	rows := find(find(page, "table", "groups")[0].Node, "tr", "")[1:]
	cells := report.GroupRows(want)
	require.Len(t, rows, len(cells))
	for i, row := range rows {
		for _, text := range cells[i] {
			require.Contains(t, row.text(), text)
		}
		bars := find(row.Node, "rect", "slower")
		require.Len(t, bars, 1)
		require.Equal(t, "500", bars[0].attribute("x"))
	}
	remarks, left := report.GroupRemarks(want)
	require.Len(t, left, 1)
	for _, text := range append(remarks, left...) {
		require.Contains(t, find(page, "main", "")[0].text(), text)
	}
	for path, words := range map[string]string{
		"/compare?a=ref%3Dnone&b=ref%3Dtopic":              `group A has no runs: none meets "ref=none,state=complete,last=200"; state=any takes runs of any state`,
		"/compare?a=ref%3Dmain&b=ref%3Dnone%2Cstate%3Dany": `group B has no runs: none meets "ref=none,last=200"`,
		"/compare?a=ref%3Dmain&b=last%3D0":                 "it is a number from 1 to 1000",
		"/compare?a=some&b=ref%3Dmain":                     "one of",
		"/compare?a=%3Cscript%3E%3D&b=%E2%80%AE%3D":        "none meets",
	} {
		answer := get(t, server, path)
		require.Equal(t, http.StatusBadRequest, answer.Code, path)
		require.Contains(t, find(parsePage(t, answer.Body.String()), "p", "problem")[0].text(), words)
	}
	require.Contains(t, get(t, server, "/compare?a=state%3Dactive&b=ref%3Dtopic").Body.String(), "group A has no runs")
	require.Contains(t, get(t, server, "/compare?assume-ended=1&a=ref%3Dmain&b=ref%3Dtopic").Body.String(), "A: 12 runs")
	require.Contains(t, get(t, server, "/compare?assume-ended=1&a=run%3D3&b=run%3D4").Body.String(), " checked>")
	// An id of a run that looks like a condition still names the run.
	require.Contains(t, get(t, server, "/compare?a=run%3D1&b=run%3D2").Body.String(), `class="compare"`)
	require.Equal(t, http.StatusNotFound, get(t, server, "/compare?a=run%3D1&b=none").Code)
}

// Users choose two runs in the list, or start from the page of a run. The list keeps the choice
// when it is updated.
func TestBrowserCompare(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	for i := range int64(3) {
		s.add(domain.RunID(fmt.Sprint(40+i)), append(build(1_795_444_914_602+i*60_000), domain.NewRunFinished(1_795_444_919_000+i*61_000, domain.Failed))...)
	}
	do(t, ctx, chromedp.Navigate(s.URL+"/"), chromedp.WaitReady("#runs"))
	value[bool](t, ctx, `(() => { for (const id of [42, 40]) document.querySelector("input[value='" + id + "']").click(); return true })()`) // in one step, because the list is updated meanwhile
	s.add("43", domain.NewJobStarted(1_795_445_914_602, "lint"))
	holds(t, ctx, `document.querySelectorAll("#runs tbody tr").length === 4 && document.querySelectorAll("#runs input:checked").length === 2`)
	click(t, ctx, "#compare button")
	do(t, ctx, chromedp.WaitReady("main.compare quire-timeline input"))
	require.Equal(t, "?a=40&b=42", value[string](t, ctx, "location.search"))
	require.Equal(t, 2, value[int](t, ctx, `[...document.querySelectorAll("details:last-of-type li.pair")].filter((row) => row.querySelector("polygon").getBoundingClientRect().width > 5).length`))
	do(t, ctx, chromedp.KeyEvent("j"), chromedp.KeyEvent("j"), chromedp.KeyEvent("+"))
	holds(t, ctx, `document.activeElement.closest("li.pair") && !document.querySelector("#card").hidden && document.querySelector("quire-timeline").zoom === 2`)
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42"))
	click(t, ctx, `#summary a[href^="/compare"]`)
	do(t, ctx, chromedp.WaitReady("main.compare"))
	require.Equal(t, "?a=41&b=42", value[string](t, ctx, "location.search"))
}

// checkTrends compares the pages of trends with the trends: each job and command has a row with a
// chart, and a page with all its runs.
func checkTrends(t require.TestingT, db store.Store, want *trends.Trends) {
	server := web.New(web.Options{Store: db})
	defer server.Close()
	answer := get(t, server, "/trends")
	require.Equal(t, http.StatusOK, answer.Code)
	page := parsePage(t, answer.Body.String())
	var all []trends.Series
	var paths []string
	path := func(of trends.Pipeline, query url.Values) string {
		if want.Several() {
			query["repo"], query["pipeline"] = []string{of.Repo}, []string{of.Name}
		}
		return "/trends?" + query.Encode()
	}
	for _, j := range want.Jobs {
		all, paths = append(all, j.Series), append(paths, path(j.Pipeline, url.Values{"job": {j.JobID}}))
	}
	changes := 0
	for _, c := range want.Commands {
		changes += len(c.Changes)
		all, paths = append(all, c.Series), append(paths, path(c.Pipeline, url.Values{"job": {c.JobID}, "command": {c.Cmd}}))
	}
	charts := find(page, "svg", "chart")
	require.Len(t, charts, len(all))
	for i, chart := range charts {
		row := element{chart.Parent.Parent}
		require.Equal(t, fmt.Sprint(all[i].Count), find(row.Node, "td", "count")[0].text())
		require.Equal(t, report.Percent(all[i].Failed, all[i].Count), find(row.Node, "td", "fails")[0].text())
		require.Len(t, find(chart.Node, "line", ""), len(all[i].Changes))
		for class, points := range map[string]int{"dots": known(all[i].Points), "bad": bad(all[i].Points)} {
			require.Equal(t, points, strings.Count(find(chart.Node, "path", class)[0].attribute("d"), "M"))
		}
		require.Equal(t, paths[i], find(row.Node, "a", "")[0].attribute("href"))
		one := get(t, server, paths[i])
		require.Equal(t, http.StatusOK, one.Code, paths[i])
		tables := find(parsePage(t, one.Body.String()), "tbody", "")
		require.Len(t, find(tables[len(tables)-1].Node, "tr", ""), len(all[i].Points))
	}
	changed := 0
	for _, table := range find(page, "table", "changes") {
		changed += len(find(table.Node, "tr", "")) - 1
	}
	require.Equal(t, changes, changed)
}

func known(points []trends.Point) (n int) {
	for _, p := range points {
		if p.Ms.Valid {
			n++
		}
	}
	return n
}

func bad(points []trends.Point) (n int) {
	for _, p := range points {
		if p.Failed {
			n++
		}
	}
	return n
}

func TestTrendsPage(t *testing.T) {
	check := func(t *rapid.T, streams [][]byte) {
		db := memory.Of(set)
		for i, data := range streams {
			applyTo(t, db, domain.RunID(fmt.Sprint(i)), data)
		}
		want, err := trends.Stored(t.Context(), db, store.Selection{Last: 100}, nil)
		require.NoError(t, err)
		checkTrends(t, db, want)
	}
	ended := encode([]domain.Event{domain.NewRunFinished(9000, domain.Failed)})
	t.Run("hostile", rapid.MakeCheck(func(t *rapid.T) { check(t, [][]byte{append(hostileStream(), ended...), hostileStream()}) }))
	t.Run("generated", rapid.MakeCheck(func(t *rapid.T) {
		var streams [][]byte
		for range rapid.IntRange(0, 4).Draw(t, "runs") {
			streams = append(streams, append(encode(laws.Events().Draw(t, "events")), ended...))
		}
		check(t, streams)
	}))
}

// A slowdown is shown from its first run on, with the group of failures and the flaky job.
func TestTrendsOfHistory(t *testing.T) {
	folder, db := t.TempDir(), memory.Of(set)
	for i := range int64(30) {
		took, outcome, code := 10_000+i, domain.Complete, int32(0)
		if i >= 20 {
			took += 9000
		}
		if i == 9 {
			outcome, code = domain.Failed, 3
		}
		at := 1_795_444_914_602 + i*60_000
		labels := must(domain.NewLabels(domain.Label{Key: "repo", Value: "shop"}, domain.Label{Key: "sha", Value: fmt.Sprint("sha", i/2)}))
		applyTo(t, db, domain.RunID(fmt.Sprint("run", i)), encode([]domain.Event{domain.NewRunStarted(at, labels), domain.NewJobStarted(at, "test"), domain.NewShStarted(at, "test", "go test"), domain.NewShFinished(at+took, "test", code),
			domain.NewJobFinished(at+took, "test", outcome), domain.NewRunFinished(at+took, outcome)}))
	}
	writeLog(t, folder, "run9", "test", 1, "ok", "FAIL shop <cart>")
	server := web.New(web.Options{Store: db, Logs: web.LogsIn("", folder)})
	defer server.Close()
	text := get(t, server, "/trends?runs=repo%3Dshop%2Clast%3D30").Body.String()
	parsePage(t, text)
	for _, want := range []string{`href="/runs/run20"`, `/compare?b=run20`, "9.0s (&#43;90 %)", "flaky: it failed and succeeded on sha4", "FAIL shop &lt;cart&gt;", `href="/trends?command=go&#43;test&amp;job=test&amp;runs=repo%3Dshop%2Clast%3D30"`} {
		require.Contains(t, text, want)
	}
	require.Contains(t, get(t, server, "/trends?job=test&command=go+test").Body.String(), "a change begins here")
	for path, status := range map[string]int{"/trends?runs=last%3D0": 400, "/trends?runs=last%3D1001": 400, "/trends?runs=x": 400, "/trends?job=none": 404, "/trends?runs=no%3Dsuch": 200} {
		answer := get(t, server, path)
		require.Equal(t, status, answer.Code, path)
		parsePage(t, answer.Body.String())
	}
	// The conditions are the same as for the command.
	for runs, count := range map[string]int{"": 30, "repo=shop,last=12": 12, "sha=sha4": 2, "state=failed": 1, "since=2026-11-23T14:51:54.602Z,before=2026-11-23T14:53:54.602Z": 2, "repo=shop,sha=sha0,state=any": 2} {
		require.Contains(t, get(t, server, "/trends?runs="+url.QueryEscape(runs)).Body.String(), fmt.Sprintf(`<p class="facts">%s</p>`, display.Plural(count, "run")), runs)
	}
	applyTo(t, db, "open", encode([]domain.Event{domain.NewJobStarted(1, "lint"), domain.NewJobFinished(2, "lint", domain.Complete)}))
	require.NotContains(t, get(t, server, "/trends").Body.String(), `job=lint`)
	require.Contains(t, get(t, server, "/trends?assume-ended=1").Body.String(), `href="/trends?assume-ended=1&amp;job=lint`)
	require.Contains(t, get(t, server, "/trends?runs=no%3Dsuch").Body.String(), "0 runs: none meets the conditions")
	require.Contains(t, get(t, server, "/trends?runs=x").Body.String(), "write KEY=VALUE")
}
