package web

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

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
