package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// browser starts a browser. An error of a script, or a violation of the policy, fails the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("force-prefers-reduced-motion", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch event := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("the script fails: %v", event.ExceptionDetails)
		case *log.EventEntryAdded:
			if strings.Contains(event.Entry.Text, "Content Security Policy") {
				t.Errorf("the policy forbids what the page has: %s", event.Entry.Text)
			}
		case *cdppage.EventJavascriptDialogOpening:
			t.Errorf("the page opens a dialog: %s", event.Message)
		case *network.EventRequestWillBeSent:
			if host := event.Request.URL; !strings.HasPrefix(host, "http://127.0.0.1:") && !strings.HasPrefix(host, "data:") && !strings.HasPrefix(host, "file:") {
				t.Errorf("the page asks another host: %s", host)
			}
		}
	}))
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	return ctx
}

// ofPage skips a test of what the page does, and not the server: it has no races in Go.
func ofPage(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("the page has no goroutines")
	}
}

// site is a server for a store of runs and a folder of logs.
type site struct {
	*httptest.Server
	t         testing.TB
	db        store.Store
	server    *web.Server
	projector *store.Projector
	logs      string
	data      map[domain.RunID][]byte
}

func newSite(t *testing.T) *site {
	s := &site{t: t, db: memory.Of(set), logs: t.TempDir(), data: map[domain.RunID][]byte{}}
	s.server = web.New(web.Options{Store: s.db, Logs: web.LogsIn("", s.logs)})
	s.projector = telling(s.db, s.server)
	s.Server = httptest.NewServer(s.server)
	t.Cleanup(func() {
		s.server.Close()
		s.Server.Close()
		require.NoError(t, s.projector.Close(context.Background()))
	})
	return s
}

// add continues the stream of a run.
func (s *site) add(run domain.RunID, events ...domain.Event) {
	s.addBytes(run, encode(events))
}

func (s *site) addBytes(run domain.RunID, added []byte) {
	before := len(s.data[run])
	s.data[run] = append(bytes.Clone(s.data[run]), added...)
	require.NoError(s.t, s.projector.Apply(s.t.Context(), domain.Segment{Run: run, Offset: int64(before), Data: added, SHA256: sha256.Sum256(s.data[run])}))
}

// log writes the log of a command.
func (s *site) log(run, job string, seq int, lines ...string) {
	writeLog(s.t, s.logs, run, job, seq, lines...)
}

func writeLog(t testing.TB, folder, run, job string, seq int, lines ...string) {
	path := filepath.Join(folder, run, "jobs", job, fmt.Sprintf("sh-%d.log", seq))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	var text strings.Builder
	for _, line := range lines {
		text.WriteString("2026-11-23T14:41:54.2Z stdout F " + line + "\n")
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString(text.String())
	require.NoError(t, err)
}

// patience is how long a test waits for what has to happen, however busy the machine is.
const patience = 5 * time.Minute

// do runs actions in the browser.
func do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	require.NoError(t, chromedp.Do(ctx, actions...))
}

// value evaluates an expression in the page.
func value[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	return must(chromedp.Run(ctx, chromedp.Evaluate[T](expression)))
}

// holds waits until an expression is true in the page.
func holds(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if ok {
			return
		}
		if time.Now().After(deadline) {
			page, _ := chromedp.Run(ctx, chromedp.OuterHTML("main"))
			t.Fatalf("%s never holds, %v:\n%.4000s", expression, err, page)
		}
	}
}

// click clicks on an element as soon as it can be clicked on. The element is found and clicked on
// in one step, because pages are updated and scroll meanwhile.
func click(t *testing.T, ctx context.Context, selector string) {
	t.Helper()
	holds(t, ctx, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		if (!e) return false;
		e.scrollIntoView({block: "nearest", behavior: "instant"});
		const box = e.getClientRects()[0];
		if (!box || !e.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2))) return false;
		e.click();
		return true;
	})()`, selector))
}

func build(at int64) []domain.Event {
	return []domain.Event{
		domain.NewJobStarted(at, "build"), domain.NewShStarted(at, "build", "make all\necho done"), domain.NewShFinished(at+900, "build", 0), domain.NewJobFinished(at+1000, "build", domain.Complete),
		domain.NewJobStarted(at+500, "test"), domain.NewShStarted(at+600, "test", "go test ./..."), domain.NewShFinished(at+4000, "test", 1), domain.NewJobFinished(at+4000, "test", domain.Failed),
	}
}

// The page of an active run shows new events without being reloaded.
func TestBrowserLive(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	at := time.Now().Add(time.Hour).UnixMilli() // by a clock ahead of this one, the events alone make the axis
	s.add("42", domain.NewJobStarted(at, "build"))
	do(t, ctx, chromedp.Navigate(s.URL+"/"))
	click(t, ctx, "#runs a")
	do(t, ctx, chromedp.WaitVisible("quire-timeline input"))
	value[bool](t, ctx, `window.loadedOnce = true; window.asked = () => performance.getEntriesByType("resource").filter((r) => r.initiatorType === "fetch").length; document.querySelector("quire-timeline").grow = () => {}; true`)
	s.add("42", domain.NewShStarted(at+100, "build", "make <all>"))
	holds(t, ctx, `document.querySelector("#j1\\.1 code")?.textContent === "make <all>" && document.querySelector("#j1\\.1 rect.open")`)
	before := value[int](t, ctx, "asked()") // one, if the first event came before the page was connected
	s.add("42", domain.NewShFinished(at+900, "build", 0), domain.NewJobStarted(at+900, "test"), domain.NewShStarted(at+900, "test", "go test"))
	holds(t, ctx, `document.querySelector("#j1\\.1 rect.complete") && document.querySelector("#j2\\.1")`)
	require.Equal(t, before, value[int](t, ctx, "asked()"), "events bring what has changed")
	s.add("42", domain.NewShFinished(at+1900, "test", 7), domain.NewJobFinished(at+1900, "test", domain.Failed), domain.NewJobFinished(at+1900, "build", domain.Complete), domain.NewRunFinished(at+2000, domain.Failed))
	holds(t, ctx, `document.querySelector("#summary.failed") && document.querySelector("#failures li")?.textContent.includes("exit 7") && !document.querySelector("rect.open")`)
	holds(t, ctx, `window.loadedOnce && document.querySelector("#connection").textContent === ""`)
	// The last event moves all bars, so the script fetches all of them again.
	holds(t, ctx, `document.querySelector("#j1\\.1 rect").getAttribute("x") === "5000"`)
	// The page shows what a reload shows.
	text := `[...document.querySelectorAll("#summary, #failures, details.job, #axis")].map((e) => e.innerHTML.replace(/<line.*?<\/text>/g, "").replace(/\s+(?=<|$)/g, "")).join("\n")`
	live := value[string](t, ctx, text)
	do(t, ctx, chromedp.Reload(), chromedp.WaitVisible("quire-timeline input"))
	require.Equal(t, value[string](t, ctx, text), live)
}

// Keys and the search find, show and hide rows, and the address records that.
func TestBrowserKeys(t *testing.T) {
	ofPage(t)
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	s.add("42", append(build(1_795_444_914_602), domain.NewRunFinished(1_795_444_918_700, domain.Failed))...)
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42"), chromedp.WaitVisible("quire-timeline input"))
	holds(t, ctx, `document.querySelectorAll("li.row").length === 2`)
	do(t, ctx, chromedp.KeyEvent("n"))
	holds(t, ctx, `document.activeElement.closest("li")?.id === "j2.1" && !document.querySelector("#card").hidden && document.querySelector("#card").textContent.includes("go test")`)
	do(t, ctx, chromedp.KeyEvent("k"), chromedp.KeyEvent("k"))
	holds(t, ctx, `document.activeElement.closest("li")?.id === "j1.1" && document.querySelector("#card pre").textContent === "make all\necho done"`)
	do(t, ctx, chromedp.KeyEvent("+"), chromedp.KeyEvent("+"), chromedp.KeyEvent(kb.ArrowRight))
	holds(t, ctx, `document.querySelector("quire-timeline").zoom === 4 && getComputedStyle(document.querySelector("li rect")).transform.startsWith("matrix(4, 0, 0, 1, -")`)
	do(t, ctx, chromedp.KeyEvent("0"))
	holds(t, ctx, `document.querySelector("quire-timeline").zoom === 1`)
	do(t, ctx, chromedp.KeyEvent("x"))
	holds(t, ctx, `!document.querySelector("details[open]")`)
	do(t, ctx, chromedp.KeyEvent("/"))
	holds(t, ctx, `document.activeElement.type === "search"`)
	value[string](t, ctx, `document.querySelector("quire-timeline input").value = ""`)
	do(t, ctx, chromedp.SendKeys("quire-timeline input", "go te")) // the driver types the slash into the field, too
	holds(t, ctx, `document.querySelector("#j1").classList.contains("hidden") && document.querySelector("#j2").open && location.search === "?q=go+te"`)
	do(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("?"))
	holds(t, ctx, `document.querySelector("dialog[open]").textContent.includes("search")`)
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42?q=make#j1.1"), chromedp.WaitVisible("quire-timeline input"))
	holds(t, ctx, `document.querySelector("#j2").classList.contains("hidden") && document.querySelector(":target")?.id === "j1.1"`)
}

// Without script, the page has every row and its bar.
func TestBrowserWithoutScript(t *testing.T) {
	ofPage(t)
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	s.add("42", build(1_795_444_914_602)...)
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42"))
	rows := value[[]string](t, ctx, `[...document.querySelectorAll("li.row")].map((row) => row.querySelector("rect").getBoundingClientRect().width > 5 ? row.textContent : "no bar")`)
	require.Len(t, rows, 2)
	require.Contains(t, rows[0], "make all")
	require.Contains(t, rows[1], "failed, exit 1")
}

// A log is shown with its colours, and followed while its command runs.
func TestBrowserLog(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	s.add("42", domain.NewJobStarted(1, "build"), domain.NewShStarted(2, "build", "make"))
	s.log("42", "build", 1, "\x1b[31mred\x1b[0m <b>", "two")
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42/log/build/1"), chromedp.WaitVisible("#log input"))
	holds(t, ctx, `document.querySelector("pre .c1").textContent === "red" && document.querySelector("pre").textContent === "1red <b>\n2two\n"`)
	s.log("42", "build", 1, "three")
	holds(t, ctx, `document.querySelector("#L3")?.nextSibling.textContent === "three\n"`)
	lines := make([]string, 450)
	for i := range lines {
		lines[i] = fmt.Sprint("line ", i)
	}
	s.log("42", "build", 1, lines...)
	holds(t, ctx, `document.querySelector("#L453")?.nextSibling.textContent === "line 449\n" && document.querySelectorAll("pre.block").length === 3`)
	s.add("42", domain.NewShFinished(9, "build", 0))
	holds(t, ctx, `document.querySelector("#end").textContent === "The command has ended."`)
	do(t, ctx, chromedp.SendKeys("#log input", "LINE 44\r"))
	const top = `.getBoundingClientRect().top`
	holds(t, ctx, `location.hash === "#L48" && document.querySelector(".tools .note").textContent === "1 of 11 lines"`)
	holds(t, ctx, `scrollY > 0 && document.querySelector(".tools")`+top+` === 0 && document.querySelector("#L48")`+top+` > 100 && document.querySelector("#L48")`+top+` < innerHeight`)
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42/log/build/1#L453"), chromedp.WaitVisible("#log input"))
	holds(t, ctx, `document.querySelector(":target").id === "L453" && scrollY > 1000`)
}

// Touch zooms and pans: two fingers that move apart, and one that moves.
func TestBrowserTouch(t *testing.T) {
	ofPage(t)
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	s.add("42", append(build(1_795_444_914_602), domain.NewRunFinished(1_795_444_918_700, domain.Failed))...)
	look(t, ctx, 360, "light")
	_, err := chromedp.Call(ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true, MaxTouchPoints: 2})
	require.NoError(t, err)
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42"), chromedp.WaitVisible("quire-timeline input"))
	value[bool](t, ctx, `document.querySelector("#j2\\.1").scrollIntoView({block: "center"}); true`)
	box := value[[]float64](t, ctx, `(() => { const b = document.querySelector("#j2\\.1 svg").getBoundingClientRect(); return [b.left, b.top + b.height / 2, b.width] })()`)
	touch := func(kind input.DispatchTouchEventType, places ...float64) {
		points := []*input.TouchPoint{}
		for i, at := range places {
			points = append(points, &input.TouchPoint{X: box[0] + at*box[2], Y: box[1], ID: new(float64(i))})
		}
		_, err := chromedp.Call(ctx, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
		require.NoError(t, err)
	}
	touch(input.DispatchTouchEventTypeTouchStart, 0.4, 0.6)
	for _, apart := range []float64{0.15, 0.2, 0.3, 0.4} {
		touch(input.DispatchTouchEventTypeTouchMove, 0.5-apart, 0.5+apart)
	}
	touch(input.DispatchTouchEventTypeTouchEnd)
	holds(t, ctx, `document.querySelector("quire-timeline").zoom > 2.5`)
	require.InDelta(t, 1, value[float64](t, ctx, "visualViewport.scale"), 0.01, "the browser does not zoom the page")
	before := value[float64](t, ctx, `document.querySelector("quire-timeline").pan`)
	touch(input.DispatchTouchEventTypeTouchStart, 0.6)
	for _, at := range []float64{0.5, 0.4, 0.3} {
		touch(input.DispatchTouchEventTypeTouchMove, at)
	}
	touch(input.DispatchTouchEventTypeTouchEnd)
	holds(t, ctx, fmt.Sprintf(`document.querySelector("quire-timeline").pan < %f`, before-1000))
}

// telling returns a projector that reports what it writes to a server.
func telling(db store.Store, server *web.Server) *store.Projector {
	return store.NewProjector(db, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{Done: func(b store.Batch) { server.Written(b.Written) }})
}

func newProjector(db store.Store) *store.Projector {
	return store.NewProjector(db, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{})
}
