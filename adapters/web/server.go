package web

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Options are the options of a [Server].
type Options struct {
	// Store has the runs.
	Store store.Store
	// Logs opens the folder with the logs of a run, or fails with [runlog.ErrNoLogs]. If it is nil,
	// pages show no logs.
	Logs Logs
	// Ingest, if set, lets clients write streams into the store; its value says how lines are read.
	Ingest *jsonl.Options
	// Outdated, if set, is called with a [store.ErrOtherVersion] when a client cannot write because
	// the store is newer than this program.
	Outdated func(error)
	// Registry, if set, receives the server's metrics and is served at /metrics. The health of the
	// store is served at /healthz, /readyz and /livez.
	Registry *prometheus.Registry
	// Logger receives log records; if it is nil, nothing is logged.
	Logger *slog.Logger
}

// Server serves the runs of a store to browsers. It is an [http.Handler].
type Server struct {
	store  store.Store
	logs   Logs
	log    *slog.Logger
	mux    *http.ServeMux
	assets *assets
	hubs   *hubs
	many   chan struct{} // limits requests that read many runs
	// receiver is nil if clients cannot write.
	receiver *receiver
	outdated func(error)
	// operations is nil without a registry.
	operations *operations
}

// New returns a server. Call Close when it no longer serves requests.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{store: o.Store, logs: o.Logs, log: o.Logger, outdated: o.Outdated, mux: http.NewServeMux(), assets: site(), many: make(chan struct{}, 2)}
	s.hubs = newHubs(s)
	shared := newAnswers(s.store).shared
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}":       s.list,
		"GET /api/runs":  s.apiRuns,
		"GET /feed":      s.feed,
		"GET /badge.svg": s.badge,
	} {
		s.mux.Handle(pattern, shared(compress(s.handler(handle))))
	}
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /runs/{run}":                 s.run,
		"GET /runs/{run}/events":          s.events,
		"GET /runs/{run}/log/{job}/{seq}": s.logPage,
		"GET /api/runs/{run}":             s.apiRun,
		"POST /api/runs/{run}/segments":   s.segments,
		"HEAD /api/runs/{run}/segments":   s.position,
		"GET /compare":                    s.compare,
		"GET /trends":                     s.trends,
		"GET /assets/{name}":              s.assets.serve,
		"GET /":                           func(http.ResponseWriter, *http.Request) error { return errNoPage },
	} {
		s.mux.Handle(pattern, compress(s.handler(handle)))
	}
	if o.Ingest != nil {
		s.receiver = newReceiver(s, *o.Ingest)
	}
	if o.Registry != nil {
		s.operations = newOperations(s, o.Registry)
	}
	return s
}

// Written reports that rows of runs were written, so that viewers see them at once; otherwise they
// see them within a second. Call it in the option Done of a [store.Projector], with what Done
// receives, before Done returns: then the server does not read the rows of viewed runs from the
// store again.
func (s *Server) Written(runs []store.WrittenRun) {
	for i := range runs {
		s.hubs.written(&runs[i])
	}
	if s.operations != nil {
		s.operations.runs.Written(runs, time.Now())
	}
}

// Close ends all long-lived connections. It waits for the current transaction.
func (s *Server) Close() {
	s.hubs.close()
	if s.receiver != nil {
		ctx, cancel := context.WithTimeout(context.Background(), maxApplying)
		defer cancel()
		_ = s.receiver.Close(ctx) // clients send unwritten segments again
	}
}

// policy allows pages to load resources of this server only.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	s.mux.ServeHTTP(w, r)
}

// compress compresses answers for clients that accept it. Events are not compressed: they are
// small, and must not be buffered.
var compress = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.ContentTypeFilter(func(kind string) bool {
		return !strings.HasPrefix(kind, "text/event-stream") && gzhttp.DefaultContentTypeFilter(kind)
	}))
	if err != nil {
		panic(err) // the options are constant
	}
	return wrap
}()

// protect sets headers that forbid a browser to cache, embed or reinterpret an answer.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// pageError is an error that is shown to the user.
type pageError struct {
	status int
	words  string
}

func (e *pageError) Error() string { return e.words }

var errNoPage = &pageError{http.StatusNotFound, "There is no such page."}

// handler returns a handler that shows the error of handle as a page.
func (s *Server) handler(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		var shown *pageError
		switch {
		case err == nil, r.Context().Err() != nil: // the client has gone
			return
		case errors.As(err, &shown):
		case errors.Is(err, store.ErrNoRun):
			shown = &pageError{http.StatusNotFound, "There is no run of this id."}
		default: // errors of a store can contain addresses
			s.log.Error("a request failed", "path", printable.Name(r.URL.Path), "error", printable.Name(err.Error()))
			shown = &pageError{http.StatusServiceUnavailable, "The store does not answer. The server's log says why."}
		}
		if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasSuffix(r.URL.Path, "/events") {
			http.Error(w, shown.words, shown.status)
			return
		}
		if shown.status == http.StatusServiceUnavailable {
			w.Header().Set("Refresh", "5") // load the page again; it works when the store does
		}
		w.WriteHeader(shown.status)
		_ = templates.ExecuteTemplate(w, "problem", struct {
			chrome
			Words string
		}{s.chrome(http.StatusText(shown.status)), shown.words})
	})
}

// chrome is the part that all pages share: title, navigation and assets.
type chrome struct {
	Title, Style, Script string
	// Feed adds a link to the feed of failed runs.
	Feed bool
	// Refresh makes browsers without script reload the page periodically.
	Refresh bool
}

func (s *Server) chrome(title string) chrome {
	return chrome{Title: title, Style: s.assets.style, Script: s.assets.script}
}

// html answers with a page.
func (s *Server) html(w http.ResponseWriter, name string, data any) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	out := bufio.NewWriterSize(patient(w), 32<<10)
	if err := cmp.Or(templates.ExecuteTemplate(out, name, data), out.Flush()); err != nil {
		level, broken := slog.LevelDebug, template.ExecError{}
		if errors.As(err, &broken) { // the client is still connected
			level = slog.LevelError
		}
		s.log.Log(context.Background(), level, "a page was not written to its end", "error", printable.Name(err.Error()))
	}
	return nil
}

// idIn returns the id that an element of a path stands for, see [pathOf].
func idIn(part string) string {
	if rest, ok := strings.CutPrefix(part, "~"); ok {
		return rest
	}
	return part
}

// pathOf returns an id as an element of a path. It puts a ~ before names that path cleaning would
// remove, such as "..".
func pathOf(id string) string {
	if id == "" || id == "." || id == ".." || id[0] == '~' {
		id = "~" + id
	}
	return url.PathEscape(id)
}

func runPath(run string) string { return "/runs/" + pathOf(run) }

// RunPath returns the path of the page of a run.
func RunPath(run domain.RunID) string { return runPath(string(run)) }

// view is a run at one moment.
type view struct {
	*rows
	origin
	server *Server

	lock sync.Mutex
	made *page
	at   time.Time // when the page was made
}

// page returns the page, which is made once; and again after a second while time passes on it.
func (v *view) page() *page {
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.made == nil || !v.Run.Ended && time.Since(v.at) > time.Second {
		v.made, v.at = v.server.makePage(v), time.Now()
	}
	return v.made
}

// origin is where the rows of a view come from.
type origin struct {
	mark   domain.Mark // the part of the stream that the rows are derived from
	source string
}

// digest distinguishes the part of the stream from another one of the same length.
func (o *origin) digest() string { return hex.EncodeToString(o.mark.SHA256[:8]) }

func (s *Server) newView(r *rows, o origin) *view {
	return &view{rows: r, origin: o, server: s}
}

// makePage makes the page of a run.
func (s *Server) makePage(v *view) *page {
	p := newPage(s.store.Projections(), v.rows, pageLimits, time.Now())
	p.Compare = comparePath("", p.ID)
	s.addLogs(s.hubs.ctx, p, v) // not the request's context: all clients share the page
	if !p.Ended {
		p.Events = fmt.Sprintf("%s/events?html=1&from=%d&digest=%s", runPath(p.ID), v.mark.Bytes, v.digest())
	}
	return p
}

// read reads all rows of a run, and passes each of them to the functions in each.
func (s *Server) read(ctx context.Context, run domain.RunID, each ...func(*projections.Definition, projections.AnyRow)) (*view, error) {
	v := s.newView(newRows(run), origin{})
	err := s.store.View(ctx, run, func(snapshot store.Snapshot) error {
		checkpoint, _, err := snapshot.Checkpoint()
		if err != nil {
			return err
		}
		v.mark, v.source = checkpoint.End, checkpoint.Source
		return store.EachRow(snapshot, run, s.store.Projections().Reported(), func(of *projections.Definition, row projections.AnyRow) {
			v.take(of, row)
			for _, take := range each {
				take(of, row)
			}
		})
	})
	return v, err
}

// view returns a run as the store has it. If the run has viewers, its rows are already in memory.
func (s *Server) view(r *http.Request) (*view, error) {
	run := domain.RunID(idIn(r.PathValue("run")))
	if v := s.hubs.current(run); v != nil {
		return v, nil
	}
	return s.read(r.Context(), run)
}

// head reads the labels and the state of a run, without its jobs and commands.
func (s *Server) head(ctx context.Context, run domain.RunID) (*projections.Record, error) {
	record, _ := projections.NewRecord(run)
	return record, s.store.View(ctx, run, func(snapshot store.Snapshot) error {
		return store.EachRow(snapshot, run, []*projections.Definition{projections.Runs.Definition, projections.LabelRows.Definition}, func(of *projections.Definition, row projections.AnyRow) { record.Take(of, row) })
	})
}

// run shows a run, or only the parts of it that have changed.
func (s *Server) run(w http.ResponseWriter, r *http.Request) error {
	id := domain.RunID(idIn(r.PathValue("run")))
	head, err := s.head(r.Context(), id)
	if err != nil {
		return err
	}
	// The browser loads the style and the script while the server reads the rows of a long run.
	c := s.chrome(windowTitle(&head.Run, head.Labels))
	c.Refresh = !head.Run.Ended
	if err := s.html(w, "page-head", c); err != nil {
		return err
	}
	_ = http.NewResponseController(w).Flush()
	v, err := s.view(r)
	if err != nil {
		if r.Context().Err() == nil { // the client still waits for the rest
			s.log.Error("a run cannot be read", "run", printable.Name(string(id)), "error", printable.Name(err.Error()))
		}
		panic(http.ErrAbortHandler) // part of the page has been sent
	}
	return s.html(w, "run-rest", v.page())
}

// apiRun answers with the document of a run, as --to json writes it.
func (s *Server) apiRun(w http.ResponseWriter, r *http.Request) error {
	run := domain.RunID(idIn(r.PathValue("run")))
	out := &lazyHeader{ResponseWriter: patient(w), kind: "application/json"}
	options := report.Options{Projections: s.store.Projections().Reported()}
	return report.WriteStored(out, run, options, func(of []*projections.Definition, take func(*projections.Definition, projections.AnyRow)) error {
		return s.store.View(r.Context(), run, func(snapshot store.Snapshot) error { return store.EachRow(snapshot, run, of, take) })
	})
}

// lazyHeader sets the content type at the first write, so that an error can set another one.
type lazyHeader struct {
	http.ResponseWriter
	kind string
}

func (l *lazyHeader) Write(p []byte) (int, error) {
	l.Header().Set("Content-Type", l.kind)
	return l.ResponseWriter.Write(p)
}
