package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store/memory"
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
