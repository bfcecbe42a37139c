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

// How many bytes of answers are kept, and for how long if the store does not change; and how long an
// answer may take that others wait for as well.
const (
	maxAnswers   = 16 << 20
	maxKept      = 5 * time.Second // as long as browsers show a list
	maxAnswering = 30 * time.Second
)

// answers answers requests whose answers depend on nothing but the request, what the store has, and
// the time, since ages are shown. It keeps answers for a short time, until the store changes, and
// gives one answer to all who ask for the same at the same time.
//
// An answer has whatever was committed before the request: only then the store is asked for its
// revision, or read.
type answers struct {
	store store.Store

	mu   sync.Mutex
	next map[string]*turn // those that have not begun: others may join them
	last map[string]*turn // those that have not ended; the next one begins when it has
	of   edition          // that of the kept ones
	kept map[string]*answer
	size int // of the kept ones
}

func newAnswers(of store.Store) *answers {
	return &answers{store: of, next: map[string]*turn{}, last: map[string]*turn{}}
}

// edition tells answers to one request apart.
type edition struct {
	revision string
	time     int64 // in steps of maxKept
}

// turn finds one answer.
type turn struct {
	done   chan struct{}
	answer *answer // nil if there is none
}

// shared returns a handler that answers as next does.
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
			panic(http.ErrAbortHandler) // as that of who leads
		}
		t.answer.send(w)
	})
}

// join returns the turn of a request. Its leader takes it after the one before, if there is one.
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

// take finds the answer, even if the leader leaves.
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

// get returns a kept answer of an edition. Those of another one are forgotten.
func (a *answers) get(of edition, key string) *answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of != of {
		a.of, a.kept, a.size = of, map[string]*answer{}, 0
	}
	return a.kept[key]
}

// answer is an [http.ResponseWriter] that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// send sends the answer to a client, who may read it slowly.
func (a *answer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.status)
	_, _ = patient(w).Write(a.body.Bytes())
}
