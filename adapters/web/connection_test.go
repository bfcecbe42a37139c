package web_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
)

// place is an address at which a test starts and stops servers. It is not given up meanwhile,
// because another program could take it.
type place struct {
	*httptest.Server
	handler atomic.Pointer[http.Handler]
}

func newPlace(t *testing.T) *place {
	p := &place{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler := p.handler.Load()
		if handler == nil {
			panic(http.ErrAbortHandler) // nobody is there
		}
		(*handler).ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		p.stop()
		p.Close()
	})
	return p
}

// serve starts a server that replaces the previous one.
func (p *place) serve(h http.Handler) {
	p.stop()
	p.handler.Store(&h)
}

func (p *place) stop() {
	p.handler.Store(nil)
	p.CloseClientConnections()
}

// Pages show that the server is unreachable, and continue when it is back: after a stop, after a
// proxy answered in its place, and after a restart.
func TestBrowserConnection(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	p := newPlace(t)
	s.add("42", domain.NewJobStarted(1, "build"), domain.NewShStarted(2, "build", "make"))
	s.log("42", "build", 1, "one")
	servers := func() http.Handler { return web.New(web.Options{Store: s.db, Logs: web.LogsIn("", s.logs)}) }
	away := `document.querySelector("#connection").textContent.includes("Not connected")`
	back := `document.querySelector("#connection").textContent === ""`

	// interrupted stops the server, lets a proxy answer, and starts another server.
	interrupted := func(path string, meanwhile func()) {
		p.stop()
		holds(t, ctx, away)
		meanwhile()
		var asked atomic.Int64
		p.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == path {
				asked.Add(1)
			}
			http.Error(w, "bad gateway", http.StatusBadGateway)
		}))
		require.True(t, waittest.Until(func() bool { return asked.Load() > 0 }), "%s is not asked for again", path)
		holds(t, ctx, away)
		p.serve(servers())
	}
	open := func(path, ready string) {
		do(t, ctx, chromedp.Navigate(p.URL+path), chromedp.WaitReady(ready))
		value[bool](t, ctx, "window.loadedOnce = true")
	}
	p.serve(servers())

	open("/runs/42", "quire-timeline input")
	interrupted("/runs/42/events", func() { s.add("42", domain.NewShFinished(5, "build", 0), domain.NewShStarted(6, "build", "make test")) })
	holds(t, ctx, `window.loadedOnce && document.querySelector("#j1\\.2") && document.querySelector("#j1\\.1 rect.complete") && `+back)

	open("/runs/42/log/build/2", "main") // the command has no log yet
	s.log("42", "build", 2, "first")
	open("/runs/42/log/build/2", "#log input")
	interrupted("/runs/42/log/build/2", func() { s.log("42", "build", 2, "second") })
	holds(t, ctx, `window.loadedOnce && document.querySelector("#L2")?.nextSibling.textContent === "second\n" && `+back)

	open("/", "#runs")
	interrupted("/", func() { s.add("43", domain.NewJobStarted(9, "lint")) })
	holds(t, ctx, `window.loadedOnce && document.querySelectorAll("#runs tbody tr").length === 2 && `+back)

	// Events arrive, but the first request for the page fails.
	open("/runs/42", "quire-timeline input")
	server := web.New(web.Options{Store: s.db})
	var asked atomic.Int64
	p.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/runs/42" && asked.Add(1) == 1 {
			http.Error(w, "bad gateway", http.StatusBadGateway)
			return
		}
		server.ServeHTTP(w, r)
	}))
	holds(t, ctx, back)
	s.add("42", domain.NewShFinished(7, "build", 0), domain.NewJobFinished(8, "build", domain.Complete), domain.NewRunFinished(8, domain.Complete))
	// The end moves all bars: the page is asked for, in vain at first.
	holds(t, ctx, `window.loadedOnce && document.querySelector("#summary.complete") && document.querySelector("#j1\\.2 rect").getAttribute("x") === "71428" && `+back)
	// Meanwhile, the parts that came with the event may have brought the page there.
	require.Eventually(t, func() bool { return asked.Load() == 2 }, patience, 10*time.Millisecond)
	// When the run has ended, the events end, too.
	require.False(t, value[bool](t, ctx, `"events" in document.querySelector("#run").dataset`))
}

// A job that fails at its end changes the verdicts of its commands, including those that ended long
// before.
func TestBrowserLiveVerdicts(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	s.add("42", domain.NewJobStarted(1, "build"), domain.NewShStarted(2, "build", "false"), domain.NewShFinished(3, "build", 3), domain.NewShStarted(4, "build", "true"))
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42"), chromedp.WaitVisible("quire-timeline input"))
	s.add("42", domain.NewShFinished(5, "build", 0))
	holds(t, ctx, `document.querySelector("#j1\\.2 rect.complete")`)
	s.add("42", domain.NewJobFinished(6, "build", domain.Failed))
	holds(t, ctx, `document.querySelector("#j1\\.1.failed")`)
}

// A log of one line is followed to its end, and the list is updated while one of its links has the
// focus.
func TestBrowserFollows(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	s.add("42", domain.NewJobStarted(1, "build"), domain.NewShStarted(2, "build", "make"))
	s.log("42", "build", 1, "one")
	do(t, ctx, chromedp.Navigate(s.URL+"/runs/42/log/build/1"), chromedp.WaitVisible("#log input"))
	s.add("42", domain.NewShFinished(9, "build", 0))
	holds(t, ctx, `document.querySelector("#end").textContent === "The command has ended." && document.querySelectorAll("pre.block > a").length === 1`)
	do(t, ctx, chromedp.Navigate(s.URL+"/"), chromedp.Focus("#runs tbody a"))
	s.add("43", domain.NewJobStarted(20, "lint"))
	holds(t, ctx, `document.querySelectorAll("#runs tbody tr").length === 2 && document.activeElement.getAttribute("href") === "/runs/42"`)
}
