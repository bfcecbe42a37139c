package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
	"github.com/quire-ci/quire-project/projections/trends"
)

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
