package web_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/npmtest"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
)

// axe finds accessibility problems of a page.
var axe = npmtest.Package{Name: "axe-core", Version: "4.14.1", SHA512: "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="}

// violations is an expression that evaluates to the problems that axe finds.
const violations = `axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + ": " + n.failureSummary)))`

// exhibits adds runs that show everything that pages can show, and returns the addresses of the
// pages.
func exhibits(s *site) []string {
	const at = 1_795_444_914_602
	labels := must(domain.NewLabels(domain.Label{Key: "repo", Value: "example.com/shop"}, domain.Label{Key: "ref", Value: "main"}, domain.Label{Key: "sha", Value: "0123456789abcdef0123456789abcdef01234567"}))
	s.add("41", append([]domain.Event{domain.NewRunStarted(at, labels)}, append(build(at), domain.NewRunFinished(at+4200, domain.Failed))...)...)
	s.add("42", append([]domain.Event{domain.NewRunStarted(at+60_000, labels)}, append(build(at+60_000), domain.NewShFinished(at+65_000, "test", 1), domain.NewJobStarted(at+64_000, "deploy"), domain.NewShStarted(at+64_500, "deploy", "./deploy --to production"))...)...)
	s.add("43", domain.NewJobStarted(at+120_000, "lint"), domain.NewShStarted(at+120_000, "lint", "golangci-lint run"), domain.NewShFinished(at+121_000, "lint", 0), domain.NewShStarted(at+121_000, "lint", "echo a word that never ends"), domain.NewShStarted(at+121_000, "lint", "echo "+fmt.Sprint(hostile)), domain.NewShFinished(at+100_000, "lint", 0), domain.NewJobFinished(at+122_000, "lint", domain.Complete))
	s.add("43", domain.NewShStarted(at+122_000, "lint", strings.Repeat(strings.Repeat("a long line ", 30)+"\n", 60)), domain.NewRunFinished(at+122_000, domain.Complete))
	s.log("43", "lint", 4, "a log")
	s.log("42", "build", 1, "make: all is built")
	var colours []string
	for i := range 16 {
		colours = append(colours, fmt.Sprintf("\x1b[38;5;%dmtext\x1b[0m \x1b[48;5;%dmon a colour\x1b[0m \x1b[7;38;5;%dmreversed\x1b[0m \x1b[1mbold\x1b[0m \x1b[2mfaint\x1b[0m", i, i, i))
	}
	s.log("42", "test", 1, append(colours, "--- FAIL: TestTotal (0.00s)", "    cart_test.go:14: the total is 3, and not 4", "FAIL", "exit status 1")...)
	s.log("42", "deploy", 1, append(colours, "deploying …")...)
	s.addBytes("hostile", hostileStream())
	history(s)
	return []string{"/", "/?state=complete&label=x%3Dy", "/runs/41", "/runs/42", "/runs/43", "/runs/42/log/test/1", "/runs/43/log/lint/4", "/runs/42/log/deploy/1", "/runs/hostile", "/none", "/compare", "/compare?a=41&b=42", "/compare?a=pipeline%3Dnightly%2Cbefore%3D2026-11-19&b=pipeline%3Dnightly%2Csince%3D2026-11-19", "/compare?a=ref%3Dnone&b=ref%3Dmain", "/trends", "/trends?runs=ref%3Dnone", "/trends?runs=none", "/trends?job=test&command=go+test+./..."}
}

// history adds runs of a pipeline, in which a command becomes slower and fails now and then.
func history(s *site) {
	for i := range int64(20) {
		at, took := 1_795_000_000_000+i*3_600_000, 20_000+i*37%5*100
		if i >= 12 {
			took += 15_000
		}
		code, outcome := int32(0), domain.Complete
		if i%7 == 5 {
			code, outcome = 1, domain.Failed
		}
		labels := must(domain.NewLabels(domain.Label{Key: "pipeline", Value: "nightly"}, domain.Label{Key: "repo", Value: "shop"}, domain.Label{Key: "sha", Value: fmt.Sprintf("%x%032x", 0x2ad09b7c+i/2*0x1234567, i/2)}))
		id := domain.RunID(fmt.Sprint(900 + i))
		s.add(id, domain.NewRunStarted(at, labels), domain.NewJobStarted(at, "lint"), domain.NewShStarted(at, "lint", "golangci-lint run --timeout 5m ./..."), domain.NewJobStarted(at+10, "build"), domain.NewShStarted(at+20, "build", "go build ./..."),
			domain.NewShFinished(at+9_000+i*53%7*100, "build", 0), domain.NewJobFinished(at+10_000, "build", domain.Complete), domain.NewJobStarted(at+10_100, "test"), domain.NewShStarted(at+10_200, "test", "go test ./..."),
			domain.NewShFinished(at+15_000+i*31%11*50, "lint", 0), domain.NewJobFinished(at+16_000, "lint", domain.Complete),
			domain.NewShFinished(at+10_200+took, "test", code), domain.NewJobFinished(at+10_300+took, "test", outcome), domain.NewRunFinished(at+10_400+took, outcome))
		if code != 0 {
			s.log(string(id), "test", 1, "--- FAIL: TestTotal (0.00s)", "FAIL")
		}
	}
}

// login serves the form that asks for a token.
func login(t *testing.T, s *site) string {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- web.Serve(ctx, listener, s.server, web.Access{Token: "secret"}) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-stopped)
	})
	return "http://" + listener.Addr().String() + "/"
}

// look sets the width of the window, and the light or dark theme.
func look(t *testing.T, ctx context.Context, width int64, scheme string) {
	do(t, ctx, chromedp.EmulateViewport(width, 800))
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	require.NoError(t, err)
}

// Every page is accessible, in wide and narrow windows, light and dark, and no page is wider than
// its window.
func TestBrowserAxe(t *testing.T) {
	ofPage(t)
	t.Parallel()
	script := axe.File(t, "axe.min.js")
	const browsers = 2 // each has a processor
	for number := range browsers {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			t.Parallel()
			s, ctx := newSite(t), browser(t)
			var addresses []string
			for _, path := range exhibits(s) {
				addresses = append(addresses, s.URL+path)
			}
			addresses = append(addresses, login(t, s))
			for i := number; i < len(addresses); i += browsers {
				accessible(t, ctx, script, addresses[i])
			}
		})
	}
}

func accessible(t *testing.T, ctx context.Context, script, address string) {
	t.Run(address[len("http://127.0.0.1:00000"):], func(t *testing.T) {
		do(t, ctx, chromedp.Navigate(address), chromedp.WaitReady("main"))
		require.Equal(t, strings.HasSuffix(address, "/none"), value[bool](t, ctx, `document.title === "Not Found"`))
		value[bool](t, ctx, script+"; true")
		for _, width := range []int64{360, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				look(t, ctx, width, scheme)
				find := func(what string) {
					found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](violations, chromedp.EvalAwaitPromise))
					require.NoError(t, err)
					require.Empty(t, found, "%s: %d pixels, %s", what, width, scheme)
				}
				find("page")
				require.LessOrEqual(t, value[int64](t, ctx, "document.documentElement.scrollWidth"), width)
				// Cards and keys have the colours and the width of the page that is behind them.
				diagonal := (width == 360) == (scheme == "dark")
				if diagonal && !strings.HasSuffix(address, "/hostile") && value[bool](t, ctx, `Boolean(document.querySelector("quire-timeline input"))`) {
					value[bool](t, ctx, `document.querySelector("li:has(pre.text) > a, li > a").focus() || true`)
					find("card")
					do(t, ctx, chromedp.KeyEvent("?"))
					find("keys")
					value[bool](t, ctx, `document.querySelector("dialog").close() || true`)
				}
			}
		}
	})
}

// Text from streams, logs and addresses stays text: no dialog opens, no other server gets a
// request, and nothing violates the policy.
func TestBrowserHostile(t *testing.T) {
	ofPage(t)
	t.Parallel()
	s, ctx := newSite(t), browser(t)
	paths := []string{"/", "/none/<script>alert(1)</script>"}
	for _, text := range hostile {
		run := domain.RunID(text)
		if text == "" || !utf8.ValidString(text) || strings.Contains(text, "\x00") { // not a valid id of a run
			continue
		}
		s.addBytes(run, hostileStream())
		paths = append(paths, web.RunPath(run), "/?q="+url.QueryEscape(text), "/?state="+url.QueryEscape(text), "/?label="+url.QueryEscape(text+"="+text), web.RunPath(run)+"?q="+url.QueryEscape(text)+"#"+url.PathEscape(text), web.RunPath(run)+"/log/"+url.PathEscape(text)+"/1")
	}
	for i, text := range hostile {
		if filepath.IsLocal(text) && !strings.ContainsAny(text, "/\x00") {
			s.log("logs", text, 1, hostile...)
			s.addBytes("logs", encode([]domain.Event{domain.NewJobStarted(int64(i), text), domain.NewShStarted(int64(i), text, text)}))
			paths = append(paths, "/runs/logs/log/"+url.PathEscape(text)+"/1")
		}
	}
	for _, path := range append(paths, "/runs/logs") {
		do(t, ctx, chromedp.Navigate(s.URL+path), chromedp.WaitReady("main"))
		require.False(t, value[bool](t, ctx, `Boolean(document.querySelector("img, iframe, main script, [onerror], [onmouseover]"))`), path)
		if !value[bool](t, ctx, `Boolean(document.querySelector("quire-timeline"))`) {
			continue
		}
		// The cards that the script makes contain the same text.
		value[bool](t, ctx, `(() => { for (const row of document.querySelectorAll("summary, li.row > a.name")) row.focus(); return true })()`)
		require.False(t, value[bool](t, ctx, `Boolean(document.querySelector("img, iframe, main script, [onerror], [onmouseover]"))`), path)
	}
}
