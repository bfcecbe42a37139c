package web_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
)

// The mouse can do what keys can: a card for each bar, a wheel that zooms and pans, an overview of
// the whole run to move in, and buttons that collapse, expand and copy.
func TestBrowserPointer(t *testing.T) {
	ofPage(t)
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	const at, commands = 1_795_444_914_602, 2000
	events := []domain.Event{}
	for i, job := range []string{"first", "second"} {
		start := at + int64(i)*commands*1000
		events = append(events, domain.NewJobStarted(start, job))
		for n := range int64(commands) {
			events = append(events, domain.NewShStarted(start+n*1000, job, fmt.Sprintf("make %s-%d\necho done", job, n)), domain.NewShFinished(start+n*1000+900, job, 0))
		}
		events = append(events, domain.NewJobFinished(start+commands*1000, job, domain.Complete))
	}
	s.add("42", append(events, domain.NewRunFinished(at+2*commands*1000, domain.Complete))...)
	do(t, ctx, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.URL+"/runs/42"), chromedp.WaitReady("canvas.overview"))
	mouse := func(kind input.DispatchMouseEventType, selector string, part float64, more input.DispatchMouseEventParams) {
		place := value[[]float64](t, ctx, fmt.Sprintf(`(() => { const b = document.querySelector(%q).getBoundingClientRect(); return [b.left + %f * b.width, b.top + b.height / 2] })()`, selector, part))
		more.Type, more.X, more.Y = kind, place[0], place[1]
		_, err := chromedp.Call(ctx, input.DispatchMouseEvent, more)
		require.NoError(t, err)
	}
	const timeline = `document.querySelector("quire-timeline")`

	// The overview shows all jobs, and the visible part.
	painted := `(() => { const c = document.querySelector("canvas"), d = c.getContext("2d").getImageData(%s * c.width | 0, c.height * %s | 0, 1, 1).data; return d[3] > 0 })()`
	holds(t, ctx, fmt.Sprintf(painted, "0.25", "0.25"))
	holds(t, ctx, fmt.Sprintf(painted, "0.75", "0.75"))
	require.False(t, value[bool](t, ctx, fmt.Sprintf(painted, "0.75", "0.25")))
	mouse(input.DispatchMouseEventTypeMousePressed, "canvas", 0.5, input.DispatchMouseEventParams{Button: input.MouseButtonLeft, ClickCount: 1})
	holds(t, ctx, timeline+`.zoom === 4 && Math.abs(`+timeline+`.pan + 37500) < 200`)
	value[bool](t, ctx, `scrollTo(0, 0), true`)
	mouse(input.DispatchMouseEventTypeMouseMoved, "canvas", 0.75, input.DispatchMouseEventParams{Button: input.MouseButtonLeft, Buttons: 1})
	mouse(input.DispatchMouseEventTypeMouseReleased, "canvas", 0.75, input.DispatchMouseEventParams{Button: input.MouseButtonLeft, ClickCount: 1})
	holds(t, ctx, `Math.abs(`+timeline+`.pan + 62500) < 200`)

	// The wheel zooms with Ctrl, pans with Shift, and otherwise scrolls.
	value[bool](t, ctx, timeline+`.show(1, 0), scrollTo(0, 0), true`)
	mouse(input.DispatchMouseEventTypeMouseWheel, "#j1 summary svg", 0.5, input.DispatchMouseEventParams{DeltaX: 0.1, DeltaY: -400, Modifiers: 2})
	holds(t, ctx, timeline+`.zoom === 4 && Math.abs(`+timeline+`.pan + 37500) < 200`)
	mouse(input.DispatchMouseEventTypeMouseWheel, "#j1 summary svg", 0.5, input.DispatchMouseEventParams{DeltaX: 0.1, DeltaY: 600, Modifiers: 8})
	holds(t, ctx, `Math.abs(`+timeline+`.pan + 62500) < 200`)
	mouse(input.DispatchMouseEventTypeMouseWheel, "#j1 summary svg", 0.5, input.DispatchMouseEventParams{DeltaX: 0.1, DeltaY: 100})
	holds(t, ctx, `scrollY > 0 && `+timeline+`.zoom === 4`)
	value[bool](t, ctx, timeline+`.show(1, 0), scrollTo(0, 0), true`)

	click(t, ctx, `[aria-label="Expand all jobs"]`)
	holds(t, ctx, `document.querySelectorAll("details[open]").length === 2`)
	// hover moves the mouse over an element until its card is shown, because rows may still move.
	hover := func(selector, card string) {
		for deadline := time.Now().Add(patience); !value[bool](t, ctx, card); time.Sleep(20 * time.Millisecond) {
			require.True(t, time.Now().Before(deadline), card)
			mouse(input.DispatchMouseEventTypeMouseMoved, selector, 0.4, input.DispatchMouseEventParams{})
			mouse(input.DispatchMouseEventTypeMouseMoved, selector, 0.5, input.DispatchMouseEventParams{})
		}
	}
	hover(`#j1\.2 svg`, `!document.querySelector("#card").hidden && document.querySelector("#card").textContent === "first · command 2 · complete · from 1.0s · took 900msmake first-1\necho done"`)
	hover(`#j1 summary svg`, `document.querySelector("#card").textContent === "first · complete · from 0ms · took 33m20.0s · alone 33m20.0s: speeding this job up saves no more"`)

	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		_, err := chromedp.Call(ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: name}, Setting: cdpbrowser.PermissionSettingGranted})
		require.NoError(t, err)
	}
	copied := func() string {
		return must(chromedp.Run(ctx, chromedp.Evaluate[string](`navigator.clipboard.readText()`, chromedp.EvalAwaitPromise)))
	}
	do(t, ctx, chromedp.Focus(`#j1\.2 a`))
	click(t, ctx, `[aria-label^="Copy"]`)
	holds(t, ctx, `document.querySelector(".tools .note").textContent === "The command is copied."`)
	require.Equal(t, "make first-1\necho done", copied())
	do(t, ctx, chromedp.Focus(`#j1\.3 a`), chromedp.KeyEvent("c"))
	require.True(t, waittest.Until(func() bool { return copied() == "make first-2\necho done" }), copied())
	click(t, ctx, `[aria-label="Collapse all jobs"]`)
	holds(t, ctx, `document.querySelectorAll("details[open]").length === 0`)
	do(t, ctx, chromedp.KeyEvent("e"))
	holds(t, ctx, `document.querySelectorAll("details[open]").length === 2`)
}

// Focused times are shown as dates in the reader's time zone; bars of running commands grow; and a
// log is followed until the reader scrolls up.
func TestBrowserTime(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	_, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(t, err)
	s.add("42", domain.NewJobStarted(1_795_444_914_602, "build"), domain.NewShStarted(1_795_444_914_602, "build", "make"))
	do(t, ctx, chromedp.Navigate(s.URL+"/"), chromedp.WaitReady("#runs"))
	shown := `getComputedStyle(document.querySelector("time"), "::after").content`
	require.Equal(t, "none", value[string](t, ctx, shown))
	do(t, ctx, chromedp.Focus("#runs time"))
	holds(t, ctx, shown+`.includes("Monday, November 23, 2026") && `+shown+`.includes("11:41:54") && document.querySelector("time").title.includes("GMT+9")`)

	// Nothing has been heard of that run for days.
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42"), chromedp.WaitVisible("quire-timeline input"))
	holds(t, ctx, `document.querySelector("#j1\\.1 rect.unknown") && !document.querySelector("rect.open") && document.querySelector(".facts").textContent.includes("no event since 2026-11-23 14:41:54 UTC")`)
	require.Equal(t, "–", value[string](t, ctx, `document.querySelector("#j1\\.1 .took").textContent`))
	// This one runs, for longer than its axis is as the latest event left it.
	at := time.Now().Add(-time.Minute).UnixMilli()
	s.add("43", domain.NewJobStarted(at, "build"), domain.NewShStarted(at, "build", "make"))
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/43"), chromedp.WaitVisible("quire-timeline input"))
	// The bar alone may fill its axis, which is then made longer.
	const ms = `Number(document.querySelector("#j1\\.1 rect.open").getAttribute("width")) / 100000 * (document.querySelector("#run").dataset.end - document.querySelector("#run").dataset.start)`
	before := value[float64](t, ctx, ms)
	require.Greater(t, before, 50_000.0)
	holds(t, ctx, fmt.Sprintf(`%s > %f && /^\d+m\d\ds$/.test(document.querySelector("#j1\\.1 .took").textContent)`, ms, before))
	value[bool](t, ctx, `document.querySelector("#run").dataset.end = Number(document.querySelector("#run").dataset.now) + 1; true`)
	holds(t, ctx, `Number(document.querySelector("#run").dataset.end) > Number(document.querySelector("#run").dataset.now) + 1`)

	lines := make([]string, 300)
	s.log("42", "build", 1, lines...)
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42/log/build/1"), chromedp.WaitVisible("#log input"))
	const atEnd = `innerHeight + scrollY > document.documentElement.scrollHeight - 40`
	holds(t, ctx, `document.querySelector("#L300") && `+atEnd)
	s.log("42", "build", 1, lines...)
	holds(t, ctx, `document.querySelector("#L600") && `+atEnd)
	value[bool](t, ctx, `scrollTo(0, 400), true`)
	s.log("42", "build", 1, lines...)
	holds(t, ctx, `document.querySelector("#L900") && scrollY === 400`)
}

// A printed page has everything that the page shows, and no buttons.
func TestBrowserPrint(t *testing.T) {
	ofPage(t)
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	long := "one long line " + string(bytes.Repeat([]byte("of words "), 100))
	for _, path := range exhibits(s) {
		s.log("43", "lint", 4, long)
		do(t, ctx, chromedp.EmulateViewport(794, 1123), chromedp.Navigate(s.URL+path), chromedp.WaitReady("main"))
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		require.NoError(t, err)
		require.Equal(t, "rgb(255, 255, 255)", value[string](t, ctx, `getComputedStyle(document.body).backgroundColor`), path)
		require.Empty(t, value[[]string](t, ctx, `[...document.querySelectorAll("input, button, select, nav, canvas")].filter((e) => e.checkVisibility()).map((e) => e.outerHTML)`), path)
		// Each cell is below its heading.
		require.Empty(t, value[[]string](t, ctx, `[...document.querySelectorAll("table")].filter((e) => e.tHead?.checkVisibility()).flatMap((e) => [...e.rows].filter((r) => [...r.cells].some((c, i) => Math.abs(c.getBoundingClientRect().left - e.rows[0].cells[i].getBoundingClientRect().left) > 1))).map((e) => e.outerHTML.slice(0, 200))`), path)
		// Nothing is cut off, neither by the edge of the paper nor by a scrolling box.
		require.Empty(t, value[[]string](t, ctx, `[...document.querySelectorAll("main, main *")].filter((e) => e.checkVisibility() && !e.closest("svg, .name, .unseen, summary") && (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 || e.getBoundingClientRect().right > innerWidth)).map((e) => e.outerHTML.slice(0, 200))`), path)
		require.Empty(t, value[[]string](t, ctx, `[...document.querySelectorAll("pre")].filter((e) => e.checkVisibility() && e.scrollHeight > e.clientHeight + 1).map((e) => e.outerHTML.slice(0, 200))`), path)
	}
}

// A run in one file has everything that its page has: under a policy that allows nothing, without
// script, and with script.
func TestBrowserFile(t *testing.T) {
	ofPage(t)
	t.Parallel()
	ctx := browser(t)
	var file bytes.Buffer
	events := append(build(1_795_444_914_602), domain.NewRunFinished(1_795_444_918_700, domain.Failed))
	_, err := web.NewFile(&file, set).Add("42", jsonl.NewReader(bytes.NewReader(encode(events)), jsonl.Options{}), report.Options{})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "run.html")
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
	policy := ""
	ci := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		_, _ = w.Write(file.Bytes())
	}))
	defer ci.Close()
	const rows = `[...document.querySelectorAll("li.row")].map((row) => (row.querySelector("rect").getBoundingClientRect().width > 5 ? "bar " : "") + row.querySelector("code").textContent).join()`
	const want = "bar make all,bar go test ./..."

	do(t, ctx, chromedp.Navigate("file://"+path+"#j2.1"), chromedp.WaitVisible("quire-timeline input"))
	require.Equal(t, want, value[string](t, ctx, rows))
	holds(t, ctx, `document.querySelector(":target").id === "j2.1"`)
	do(t, ctx, chromedp.KeyEvent("n"), chromedp.KeyEvent("+"))
	holds(t, ctx, `document.activeElement.closest("li").id === "j2.1" && document.querySelector("quire-timeline").zoom === 2 && !document.querySelector("#card").hidden`)

	_, err = chromedp.Call(ctx, log.Disable, cdp.Empty{}) // the test's own policies forbid the page's style and script
	require.NoError(t, err)
	for _, policy = range []string{"sandbox; default-src 'none'; img-src 'self'; style-src 'self';", "script-src 'none'; style-src 'unsafe-inline'"} {
		do(t, ctx, chromedp.Navigate(ci.URL))
		require.Equal(t, want, value[string](t, ctx, rows), policy)
		require.False(t, value[bool](t, ctx, `Boolean(document.querySelector("quire-timeline input"))`), policy)
	}
}
