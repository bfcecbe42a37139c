package web

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/projections/store"
)

// maxAnswers bounds the bytes of kept answers, maxKept how long an answer is kept while the store
// does not change, and maxAnswering the time to make an answer that several clients wait for.
const (
	maxAnswers   = 16 << 20
	maxKept      = 5 * time.Second // as long as browsers cache a list
	maxAnswering = 30 * time.Second
)

// answers caches the answers to GET requests that depend only on the request, the content of the
// store, and the time, since pages show ages. It keeps an answer for a few seconds or until the
// store changes, and gives one answer to all clients that ask for the same at the same time.
//
// An answer includes whatever was committed before the request arrived: the store is asked for its
// revision, or read, only after that.
type answers struct {
	store store.Store

	mu   sync.Mutex
	next map[string]*turn // turns that have not begun; more requests may join them
	last map[string]*turn // turns that have not ended; the next one begins after them
	of   edition          // the edition of the kept answers
	kept map[string]*answer
	size int // of the kept answers
}

func newAnswers(of store.Store) *answers {
	return &answers{store: of, next: map[string]*turn{}, last: map[string]*turn{}}
}

// edition is what a kept answer is valid for.
type edition struct {
	revision string
	time     int64 // in steps of maxKept
}

// turn is one computation of an answer, which several requests wait for.
type turn struct {
	done   chan struct{}
	answer *answer // nil if making it panicked
}

// shared returns a handler with the answers of next, each made once for all requests that wait for
// it.
func (a *answers) shared(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		key := strings.Join([]string{scheme(r), r.Host, r.URL.RequestURI(), r.Header.Get("Accept-Encoding")}, "\n")
		t, before, leads := a.join(key)
		if leads {
			a.take(t, before, key, next, r)
		}
		select {
		case <-t.done:
		case <-r.Context().Done():
			return
		}
		if t.answer == nil {
			panic(http.ErrAbortHandler) // as the panic of next did for the leader
		}
		t.answer.send(w)
	})
}

// join returns the turn that a request waits for. If leads is true, the request has to take the
// turn, after the turn before if that is not nil.
func (a *answers) join(key string) (t, before *turn, leads bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t = a.next[key]; t != nil {
		return t, nil, false
	}
	t, before = &turn{done: make(chan struct{})}, a.last[key]
	a.next[key], a.last[key] = t, t
	return t, before, true
}

// take makes the answer of a turn, even if its client leaves meanwhile.
func (a *answers) take(t, before *turn, key string, next http.Handler, r *http.Request) {
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.last[key] == t {
			delete(a.last, key)
		}
		close(t.done)
	}()
	if before != nil {
		<-before.done
	}
	a.mu.Lock()
	delete(a.next, key)
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), maxAnswering)
	defer cancel()
	t.answer = a.find(key, next, r.WithContext(ctx))
}

// find returns the kept answer, or a new one.
func (a *answers) find(key string, next http.Handler, r *http.Request) *answer {
	revision, err := a.store.Revision(r.Context())
	of := edition{revision, time.Now().UnixNano() / int64(maxKept)}
	if err == nil && revision != "" {
		if kept := a.get(of, key); kept != nil {
			return kept
		}
	}
	found := &answer{header: http.Header{}, status: http.StatusOK}
	next.ServeHTTP(found, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if size := len(key) + found.body.Len(); found.status == http.StatusOK && of == a.of && a.size+size <= maxAnswers {
		a.kept[key] = found
		a.size += size
	}
	return found
}

// get returns a kept answer of an edition. It drops the answers of other editions.
func (a *answers) get(of edition, key string) *answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of != of {
		a.of, a.kept, a.size = of, map[string]*answer{}, 0
	}
	return a.kept[key]
}

// answer is an [http.ResponseWriter] that records a response.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// send sends the answer to a client, which may read it slowly.
func (a *answer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.status)
	_, _ = patient(w).Write(a.body.Bytes())
}
