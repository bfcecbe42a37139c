package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// listen serves an empty store, and returns its address.
func listen(t *testing.T, address string, access web.Access) (base string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server := web.New(web.Options{Store: memory.Of(set)})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- web.Serve(ctx, listener, server, access) }()
	t.Cleanup(func() {
		stop()
		server.Close()
		require.NoError(t, <-done)
	})
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return "http://127.0.0.1:" + port
}

func status(t *testing.T, client *http.Client, method, address string, change func(*http.Request)) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	require.NoError(t, err)
	if change != nil {
		change(request)
	}
	answer, err := client.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// A server that other machines can reach refuses requests without a token or a proxy's header.
func TestNobodyIsLetInElsewhere(t *testing.T) {
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	require.ErrorIs(t, web.Serve(t.Context(), listener, http.NotFoundHandler(), web.Access{}), web.ErrOpen)
	_, err = listener.Accept()
	require.Error(t, err, "the listener is open")
}

// On loopback, requests from pages of other sites are refused: those for another host name and
// those that a browser marks as cross-site.
func TestOtherSitesCannotAsk(t *testing.T) {
	base := listen(t, "127.0.0.1:0", web.Access{})
	client := http.DefaultClient
	require.Equal(t, 200, status(t, client, "GET", base, nil))
	require.Equal(t, 403, status(t, client, "GET", base, func(r *http.Request) { r.Host = "evil.example" }))
	require.Equal(t, 403, status(t, client, "POST", base+"/api/runs/a/segments", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }))
	require.Equal(t, 403, status(t, client, "POST", base+"/api/runs/a/segments", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }))
}

// With a token, every request needs it: as a bearer token or, after the form, as a cookie.
func TestToken(t *testing.T) {
	const token = "a-token-of-some-length"
	base := listen(t, "0.0.0.0:0", web.Access{Token: token})
	client := http.DefaultClient
	for _, path := range []string{"/", "/runs/a", "/api/runs", "/runs/a/events", "/runs/a/log/b/1", "/feed", "/badge.svg", "/metrics", "/healthz", "/none"} {
		require.Equal(t, 401, status(t, client, "GET", base+path, nil), path)
		require.Equal(t, 401, status(t, client, "GET", base+path, func(r *http.Request) { r.Header.Set("Authorization", "Bearer wrong") }), path)
	}
	require.Equal(t, 200, status(t, client, "GET", base, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }))

	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	send := func(token string) int {
		answer, err := browser.PostForm(base+"/login", url.Values{"token": {token}})
		require.NoError(t, err)
		defer answer.Body.Close()
		return answer.StatusCode
	}
	require.Equal(t, 401, send("wrong"))
	require.Equal(t, 401, status(t, browser, "GET", base, nil))
	require.Equal(t, 200, send(token))
	require.Equal(t, 200, status(t, browser, "GET", base, nil))
	at, _ := url.Parse(base)
	for _, c := range jar.Cookies(at) {
		require.NotContains(t, c.Value, token, "the cookie has the token")
	}
}

// Behind a proxy, requests that name a user are accepted.
func TestTrustedHeader(t *testing.T) {
	base := listen(t, "0.0.0.0:0", web.Access{TrustHeader: "X-Forwarded-User"})
	require.Equal(t, 401, status(t, http.DefaultClient, "GET", base, nil))
	require.Equal(t, 200, status(t, http.DefaultClient, "GET", base, func(r *http.Request) { r.Header.Set("X-Forwarded-User", "ada") }))
}

// Every answer has the security headers.
func TestHeaders(t *testing.T) {
	for _, access := range []web.Access{{}, {Token: "a-token-of-some-length"}} {
		testHeaders(t, listen(t, "127.0.0.1:0", access))
	}
}

func testHeaders(t *testing.T, base string) {
	for _, path := range []string{"/", "/runs/none", "/api/runs", "/none", "/feed", "/badge.svg"} {
		answer, err := http.Get(base + path)
		require.NoError(t, err)
		answer.Body.Close()
		require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-referrer", answer.Header.Get("Referrer-Policy"), path)
		require.True(t, strings.HasPrefix(answer.Header.Get("Content-Security-Policy"), "default-src 'none'; "), path)
		require.NotContains(t, answer.Header.Get("Content-Security-Policy"), "unsafe", path)
	}
}

// The cookie is limited to HTTPS if the browser uses HTTPS, even if only a proxy in front does.
func TestCookieBehindProxy(t *testing.T) {
	const token = "a-token-of-some-length"
	base := listen(t, "127.0.0.1:0", web.Access{Token: token})
	for proto, secure := range map[string]bool{"": false, "http": false, "https": true} {
		request, err := http.NewRequestWithContext(t.Context(), "POST", base+"/login", strings.NewReader("token="+token))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("X-Forwarded-Proto", proto)
		answer, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		answer.Body.Close()
		require.Len(t, answer.Cookies(), 1)
		require.Equal(t, secure, answer.Cookies()[0].Secure, proto)
	}
}

// Connections that browsers open in advance do not delay the end of a server.
func TestEndWithOpenConnection(t *testing.T) {
	var connection net.Conn
	t.Cleanup(func() { connection.Close() }) // after the server has ended
	base := listen(t, "127.0.0.1:0", web.Access{})
	var err error
	connection, err = net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	require.Equal(t, 200, status(t, http.DefaultClient, "GET", base, nil)) // the server has accepted it
}
