package web_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
)

// largeRun adds a run of 50,000 commands in 100 jobs.
func largeRun(s *site) {
	const jobs, commands = 100, 500
	events := []domain.Event{}
	for at := range int64(commands) {
		for j := range jobs {
			id := fmt.Sprint("job ", j)
			if at == 0 {
				events = append(events, domain.NewJobStarted(0, id))
			}
			events = append(events, domain.NewShStarted(at*100, id, fmt.Sprintf("go test ./package%d/... -run Test%d", j, at)))
		}
		for j := range jobs {
			code := int32(0)
			if (at*7+int64(j))%1000 == 0 {
				code = 1
			}
			events = append(events, domain.NewShFinished(at*100+int64(j)%90+5, fmt.Sprint("job ", j), code))
		}
	}
	for j := range jobs {
		events = append(events, domain.NewJobFinished(commands*100, fmt.Sprint("job ", j), []domain.Outcome{domain.Complete, domain.Failed}[j%2]))
	}
	s.add("large", append(events, domain.NewRunFinished(commands*100, domain.Failed))...)
}

// A run of 50,000 commands can be viewed, panned and searched. The test logs how long that takes.
func TestBrowserLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s, ctx := newSite(t), browser(t)
	largeRun(s)
	begun := time.Now()
	answer, err := http.Get(s.URL + "/runs/large")
	require.NoError(t, err)
	_, err = io.ReadFull(answer.Body, make([]byte, 1))
	require.NoError(t, err)
	first := time.Since(begun)
	size, err := io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	t.Logf("first byte after %v, all %d bytes after %v", first, size, time.Since(begun))

	do(t, ctx, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.URL+"/runs/large"), chromedp.WaitReady("canvas.overview"))
	require.Equal(t, 50_000, value[int](t, ctx, `document.querySelectorAll("li.row").length`))
	await := func(what, expression string) {
		ms, err := chromedp.Run(ctx, chromedp.Evaluate[float64](expression, chromedp.EvalAwaitPromise))
		require.NoError(t, err)
		t.Logf("%s: %.0f ms", what, ms)
	}
	await("ready after", `new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))`)
	await("of this, the document is parsed after", `Promise.resolve(performance.getEntriesByType("navigation")[0].domInteractive)`)
	const frames = `(async (step) => {
		const times = [];
		for (let i = 0; i < 30; i++) {
			const begun = performance.now();
			step(i);
			await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
			times.push(performance.now() - begun);
		}
		return times.sort((a, b) => a - b)[15];
	})`
	await("a frame while zooming, in the median", frames+`((i) => document.querySelector("quire-timeline").zoomBy(1.2))`)
	await("a frame while panning, in the median", frames+`((i) => document.querySelector("quire-timeline").panBy(-0.02))`)
	await("a frame while scrolling, in the median", frames+`((i) => scrollBy(0, 700))`)
	await("the next row by key", `(async () => { const begun = performance.now(); document.querySelector("quire-timeline").move(1); await new Promise(requestAnimationFrame); return performance.now() - begun })()`)
	await("a search", `(async () => { const begun = performance.now(); document.querySelector("quire-timeline").search("package42/"); await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); return performance.now() - begun })()`)
	require.Equal(t, 500, value[int](t, ctx, `document.querySelectorAll("li.row:not(.hidden)").length`))
	await("all jobs opened", `(async () => { const begun = performance.now(); document.querySelector("quire-timeline").search(""); document.querySelector("quire-timeline").toggle(true); await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); return performance.now() - begun })()`)

	for job, line := range []string{"=== RUN   TestThing/case_%d", "\x1b[32m=== RUN   TestThing/case_%d\x1b[0m"} {
		lines := make([]string, 200_000)
		for i := range lines {
			lines[i] = fmt.Sprintf(line, i)
		}
		s.log("large", fmt.Sprint("job ", job), 1, lines...)
		do(t, ctx, chromedp.Navigate(fmt.Sprintf("%s/runs/large/log/job%%20%d/1", s.URL, job)), chromedp.WaitReady("#L200000"))
		await(fmt.Sprintf("a log of 200,000 lines like %q ready after", line), `new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))`)
		await("of this, the document is parsed after", `Promise.resolve(performance.getEntriesByType("navigation")[0].domInteractive)`)
		await("the first byte after", `Promise.resolve(performance.getEntriesByType("navigation")[0].responseStart)`)
		await("the last byte after", `Promise.resolve(performance.getEntriesByType("navigation")[0].responseEnd)`)
	}
}
