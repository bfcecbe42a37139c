package web

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many requests a client may send per second, and how many at once after a pause. A page takes
// three requests; most requests come from clients that send streams.
const (
	maxRate  = 500
	maxBurst = 2 * maxRate
)

// rates limits how many requests each client sends.
type rates struct {
	// user, if not "", is the header in which a proxy names the user.
	user string

	mu sync.Mutex
	of map[string]*rate.Limiter
	// most is the number of clients above which idle ones are dropped.
	most int
}

// limit refuses requests of clients that have sent too many. Programs on this machine are not
// limited, unless a proxy names the user.
func (l *rates) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, limited := l.client(r)
		if limited && !l.allow(client, time.Now()) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests; send fewer in a second", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// client returns the client that sent a request, and whether it is limited.
func (l *rates) client(r *http.Request) (client string, limited bool) {
	if l.user != "" && r.Header.Get(l.user) != "" {
		return r.Header.Get(l.user), true
	}
	from := clientOf(r.RemoteAddr)
	return from.String(), !from.IsLoopback()
}

func (l *rates) allow(client string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[client] == nil {
		l.forget(now)
		l.of[client] = rate.NewLimiter(maxRate, maxBurst)
	}
	return l.of[client].AllowN(now, 1)
}

// forget drops clients that have their full allowance again, if there are many clients.
func (l *rates) forget(now time.Time) {
	if l.of == nil {
		l.of = map[string]*rate.Limiter{}
	}
	if len(l.of) >= l.most {
		maps.DeleteFunc(l.of, func(_ string, of *rate.Limiter) bool { return of.TokensAt(now) >= maxBurst })
		l.most = max(1000, 2*len(l.of))
	}
}
