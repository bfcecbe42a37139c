package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"github.com/quire-ci/quire-project/adapters/internal/loopback"
)

// Access says who may use a server.
type Access struct {
	// Token, if set, is required: as a bearer token, or typed into a form, which sets a cookie.
	Token string
	// TrustHeader, if set, is the header in which a proxy names the user. Requests without it are
	// refused. The proxy must remove this header from the requests that it receives. If the server
	// listens on loopback only, the proxy on the same machine must send the header Host with
	// localhost.
	TrustHeader string
	// Certificate, if set, makes the server speak HTTPS.
	Certificate *tls.Certificate
}

// ErrOpen is returned for a server that would be open to everybody.
var ErrOpen = errors.New("other machines could connect without any authentication; give a token or a trusted header, or listen on this machine alone")

// closing is how long a stopping server waits for answers to be finished.
const closing = 2 * time.Second

// maxConnections limits open connections, and maxOfClient those of one client or proxy. Above the
// first limit, new connections wait; above the second, the server closes them.
const (
	maxConnections = 4096
	maxOfClient    = maxConnections / 4
)

// Check returns [ErrOpen] if a server at this address would be open to everybody.
func (a Access) Check(address net.Addr) error {
	if !loopback.Is(address) && a.Token == "" && a.TrustHeader == "" {
		return ErrOpen
	}
	return nil
}

// Serve serves h on a listener until ctx ends; then it waits a short time for unfinished answers.
// It closes the listener.
func Serve(ctx context.Context, listener net.Listener, h http.Handler, a Access) error {
	if err := a.Check(listener.Addr()); err != nil {
		_ = listener.Close()
		return err
	}
	server := &http.Server{
		Handler:           a.handler(listener.Addr(), h),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute, // long-lived connections set their own deadline
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	listener = newFairListener(netutil.LimitListener(listener, maxConnections), maxOfClient)
	if a.Certificate != nil {
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*a.Certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		err := server.Shutdown(last)
		if errors.Is(err, context.DeadlineExceeded) { // a client does not read, or has not sent a request yet
			err = server.Close()
		}
		stopped <- err
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}

// handler returns a handler that passes allowed requests to h. Which ones are allowed depends on
// the address of the listener.
func (a Access) handler(address net.Addr, h http.Handler) http.Handler {
	h = http.NewCrossOriginProtection().Handler(a.guard(h))
	if a.Token == "" || a.TrustHeader != "" { // a page of another site can send any header, but does not know the token
		h = loopback.Guard(address, h)
	}
	return (&rates{user: a.TrustHeader}).limit(h)
}

// cookie is the name of the cookie that the form sets.
const cookie = "quire"

// guard passes requests on to next if they are authorized.
func (a Access) guard(next http.Handler) http.Handler {
	if a.Token == "" && a.TrustHeader == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header())
		switch {
		case isProbe(r.URL.Path) && !a.has(r):
			leave(w)
			next.ServeHTTP(w, r)
		case isProbe(r.URL.Path), a.TrustHeader != "" && r.Header.Get(a.TrustHeader) != "", a.Token != "" && a.has(r):
			next.ServeHTTP(w, r)
		case a.Token != "" && r.Method == http.MethodPost && r.URL.Path == "/login":
			a.login(w, r)
		default:
			if run, ok := writtenRun(r); ok {
				a.guardRun(w, r, run, next)
				return
			}
			w.Header().Set("WWW-Authenticate", "Bearer")
			askForToken(w)
		}
	})
}

// isProbe reports whether a path is a health check, which reveals nothing about runs.
func isProbe(path string) bool {
	return path == "/livez" || path == "/readyz" || strings.HasPrefix(path, "/assets/")
}

// has reports whether a request has the token or the cookie.
func (a Access) has(r *http.Request) bool {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return hmac.Equal([]byte(a.proof(token)), []byte(a.proof(a.Token)))
	}
	c, err := r.Cookie(cookie)
	return err == nil && hmac.Equal([]byte(c.Value), []byte(a.proof(a.Token)))
}

// proof returns the value of the cookie for a token. The token cannot be derived from it.
func (a Access) proof(token string) string {
	mac := hmac.New(sha256.New, []byte(a.Token))
	mac.Write([]byte("quire-project cookie\x00" + token))
	return fmt.Sprintf("%x", mac.Sum(nil))
}

// login handles the form with the token.
func (a Access) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if token := r.PostFormValue("token"); !hmac.Equal([]byte(a.proof(token)), []byte(a.proof(a.Token))) {
		askForToken(w)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: a.proof(a.Token), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: scheme(r) == "https", MaxAge: 30 * 24 * 3600})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// scheme returns the scheme that the browser used, with this server or with a proxy in front of it.
func scheme(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https"
	}
	return "http"
}

// leave closes the connection after this answer, so that unauthorized clients cannot hold
// connections.
func leave(w http.ResponseWriter) { w.Header().Set("Connection", "close") }

func askForToken(w http.ResponseWriter) {
	leave(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	_ = templates.ExecuteTemplate(w, "login", chrome{Title: "Who is there?", Style: site().style, Script: site().script})
}
