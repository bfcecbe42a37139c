package web

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// Every position is on the axis, and a later time never has an earlier position, whatever the
// producer's clock did.
func TestAxis(t *testing.T) {
	times := rapid.OneOf(rapid.Int64(), rapid.Int64Range(1_795_444_914_000, 1_795_444_999_000), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0}))
	rapid.Check(t, func(t *rapid.T) {
		first, last := times.Draw(t, "first"), times.Draw(t, "last")
		wall := projections.Span(first, last)
		a := newAxis(first, wall.V, rapid.Bool().Draw(t, "ended"))
		require.Less(t, a.startMs, a.endMs)
		if wall.Valid {
			require.GreaterOrEqual(t, a.endMs, last)
		}
		x, y := times.Draw(t, "x"), times.Draw(t, "y")
		require.True(t, a.at(x) >= 0 && a.at(x) <= axisWidth)
		require.LessOrEqual(t, a.at(min(x, y)), a.at(max(x, y)))
		b := a.bar(x, y, "job")
		require.True(t, b.X >= 0 && b.Width >= leastBar && b.X+b.Width <= axisWidth, "%+v", b)
		require.LessOrEqual(t, len(a.ticks()), maxTicks)
	})
}

// The times that jobs run alone are those that a slow count by milliseconds finds.
func TestAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "jobs")
		var jobs []interval
		for i := range n {
			start := rapid.Int64Range(0, 30).Draw(t, "start")
			jobs = append(jobs, interval{i, start, rapid.Int64Range(0, 30).Draw(t, "end")})
		}
		want := make([]int64, n)
		for ms := range int64(30) {
			running := []int{}
			for _, j := range jobs {
				if j.start <= ms && ms < j.end {
					running = append(running, j.job)
				}
			}
			if len(running) == 1 {
				want[running[0]]++
			}
		}
		require.Equal(t, want, alone(n, jobs))
	})
}

// pageFrom returns the page of a run with some events; with a time, as it is shown then.
func pageFrom(t require.TestingT, events []domain.Event, now ...time.Time) (*page, *rows) {
	var data []byte
	for i := range events {
		if line, err := jsonl.Append(nil, &events[i]); err == nil {
			data = append(data, line...)
		}
	}
	record, err := projections.Project("run", jsonl.NewReader(bytes.NewReader(data), jsonl.Options{}))
	require.NoError(t, err)
	r := newRows("run")
	r.Record = record
	return newPage(projections.Builtin, r, pageLimits, append(now, time.Time{})[0]), r
}

// An open command or job is drawn as running only if it can still run: its run has been heard of today, if
// somebody looks at it now. Whenever that is, nothing is drawn beyond the axis.
func TestOpenBars(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var now []time.Time
		if rapid.Bool().Draw(t, "shown now") {
			now = []time.Time{time.UnixMilli(laws.AtMs().Draw(t, "now"))}
		}
		p, r := pageFrom(t, laws.Events().Draw(t, "events"), now...)
		heard := true
		for _, at := range now {
			_, heard = display.Present(r.Timings.Run.LastAtMs.V, at)
		}
		require.Equal(t, heard && !r.Run.Ended, p.Grows)
		if projections.Span(p.StartMs, p.NowMs).Valid {
			require.GreaterOrEqual(t, p.EndMs, p.NowMs)
		}
		for i, j := range p.Jobs {
			over := r.Jobs[i].FinishedAtMs.Valid || r.Run.Ended || !heard
			if j.Bars[0].Kind == "open" {
				require.False(t, over)
			}
			for at, c := range j.Commands {
				runs := c.Bars[0].Kind == "open"
				require.False(t, runs && (over || at < len(j.Commands)-1), "%s", c.Anchor)
			}
		}
	})
}

// A job's bar is dark where a command runs, and light in the gaps. An outline shows where a command
// without an end may have run.
func TestGapsAreDrawn(t *testing.T) {
	p, _ := pageFrom(t, []domain.Event{
		domain.NewJobStarted(0, "a"), domain.NewShStarted(200, "a", "make"), domain.NewShFinished(400, "a", 0), domain.NewShStarted(500, "a", "lost"), domain.NewShStarted(600, "a", "test"), domain.NewShFinished(700, "a", 0),
		domain.NewJobFinished(1000, "a", domain.Complete), domain.NewRunFinished(1000, domain.Complete),
	})
	require.Equal(t, []bar{{0, 100_000, "job"}, {20_000, 20_000, "busy"}, {60_000, 10_000, "busy"}}, p.Jobs[0].Bars)
	require.Equal(t, []bar{{50_000, 10_000, "unknown"}}, p.Jobs[0].Commands[1].Bars)
	require.Contains(t, p.Facts, "1 command ended without a word")
}

// Failures are the commands that made their job fail, and jobs that failed without one. An exit
// code other than 0 after which the job continued is no failure.
func TestFailures(t *testing.T) {
	p, _ := pageFrom(t, []domain.Event{
		domain.NewJobStarted(0, "a"), domain.NewShStarted(1, "a", "looked at"), domain.NewShFinished(2, "a", 7), domain.NewJobFinished(3, "a", domain.Complete),
		domain.NewJobStarted(3, "b"), domain.NewShStarted(3, "b", "made it fail"), domain.NewShFinished(4, "b", 7), domain.NewJobFinished(5, "b", domain.Failed),
		domain.NewJobStarted(5, "c"), domain.NewJobFinished(6, "c", domain.Failed), domain.NewRunFinished(6, domain.Failed),
	})
	require.Len(t, p.Failed, 2)
	require.Equal(t, "j2.1", p.Failed[0].Anchor)
	require.Equal(t, "failed, exit 7", p.Failed[0].Verdict.Word)
	require.Equal(t, "j3", p.Failed[1].Anchor)
	require.Equal(t, verdict{"tolerated", "", "exit 7"}, p.Jobs[0].Commands[0].Verdict)
	require.Contains(t, p.Facts, "3 jobs, 2 failed")
	require.Contains(t, p.Facts, "2 commands, 1 failed")
}

// An id survives the way into a path and back.
func TestPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.SampledFrom([]string{"", ".", "..", "~", "a/b", "%2e", "\xff", "\x00"}), rapid.String()).Draw(t, "id")
		part := pathOf(id)
		require.NotContains(t, part, "/")
		require.NotContains(t, []string{"", ".", ".."}, part)
		unescaped, err := url.PathUnescape(part)
		require.NoError(t, err)
		require.Equal(t, id, idIn(unescaped))
	})
}

// A client gets exactly as many requests as the rate and the burst allow, whatever others send.
func TestRates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := &rates{}, time.Unix(1, 0)
		type client struct {
			room float64 // requests that it may still send
			at   time.Time
		}
		clients := map[string]*client{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "client")
			c := clients[name]
			if c == nil {
				c = &client{maxBurst, now}
				clients[name] = c
			}
			c.room, c.at = min(maxBurst, c.room+maxRate*now.Sub(c.at).Seconds()), now
			sent, allowed := rapid.IntRange(1, 2*maxBurst).Draw(t, "requests"), 0
			for range sent {
				if l.allow(name, now) {
					allowed++
				}
			}
			require.InDelta(t, min(float64(sent), c.room), allowed, 1)
			c.room -= float64(allowed)
		}
	})
}

// Clients that have been idle for a while take no memory.
func TestRatesAreForgotten(t *testing.T) {
	l, now := &rates{}, time.Unix(1, 0)
	for i := range 100_000 {
		l.allow(fmt.Sprint(i), now)
		now = now.Add(time.Millisecond)
	}
	require.LessOrEqual(t, len(l.of), 2000)
}

// A client that sends too much is refused for a while, and others are not. The network of an IPv6
// address is one client. Programs on this machine are not limited unless a proxy names the user.
func TestTooManyRequests(t *testing.T) {
	type client struct{ from, user string }
	for name, test := range map[string]struct{ client, same, other client }{
		"IPv4":         {client{from: "192.0.2.1:1000"}, client{from: "192.0.2.1:2000"}, client{from: "192.0.2.2:1000"}},
		"IPv6":         {client{from: "[2001:db8::1]:1000"}, client{from: "[2001:db8::2]:1000"}, client{from: "[2001:db8:0:1::1]:1000"}},
		"a user":       {client{"127.0.0.1:1000", "ada"}, client{"127.0.0.1:2000", "ada"}, client{"127.0.0.1:1000", "eve"}},
		"this machine": {client{from: "192.0.2.1:1000"}, client{from: "192.0.2.1:2000"}, client{from: "127.0.0.1:1000"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := Access{Token: "token", TrustHeader: "X-User"}.handler(&net.TCPAddr{IP: net.IPv4zero, Port: 80}, http.NotFoundHandler())
				ask := func(c client) *httptest.ResponseRecorder {
					request, answer := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), httptest.NewRecorder()
					request.RemoteAddr = c.from
					request.Header.Set("X-User", c.user)
					h.ServeHTTP(answer, request)
					return answer
				}
				for range maxBurst {
					require.NotEqual(t, http.StatusTooManyRequests, ask(test.client).Code)
				}
				refused := ask(test.same)
				require.Equal(t, http.StatusTooManyRequests, refused.Code)
				require.Equal(t, "1", refused.Header().Get("Retry-After"))
				for range maxBurst {
					require.NotEqual(t, http.StatusTooManyRequests, ask(test.other).Code)
				}
				time.Sleep(time.Second)
				require.NotEqual(t, http.StatusTooManyRequests, ask(test.client).Code)
			})
		})
	}
}

// The generated files are up to date.
func TestGenerated(t *testing.T) {
	source, err := os.ReadFile("assets.go")
	require.NoError(t, err)
	commands := regexp.MustCompile(`(?m)^//go:generate (.*) --outfile=(\S+) (\S+)$`).FindAllStringSubmatch(string(source), -1)
	require.Len(t, commands, 2)
	for _, c := range commands {
		made := filepath.Join(t.TempDir(), filepath.Base(c[2]))
		command := strings.Fields(c[1])
		out, err := exec.Command(command[0], append(command[1:], "--log-level=warning", "--outfile="+made, c[3])...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		want, err := os.ReadFile(made)
		require.NoError(t, err)
		have, err := os.ReadFile(c[2])
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), "run go generate ./adapters/web")
	}
}
