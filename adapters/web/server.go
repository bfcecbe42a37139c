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
	// Logs opens the folder of a run's logs, or fails with [runlog.ErrNoLogs]. Without it, no logs
	// are shown.
	Logs Logs
	// Ingest, when set, lets clients write streams into the store, and says how lines are read.
	Ingest *jsonl.Options
	// Outdated, when set, is called with a [store.ErrOtherVersion] if a client cannot write because
	// the store is newer than this program.
	Outdated func(error)
	// Registry, when set, gets metrics, and is served as /metrics. The store's health is served as
	// /healthz, /readyz and /livez.
	Registry *prometheus.Registry
	// Logger receives log records; by default there are none.
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
	many   chan struct{} // has room for those who read many runs at once
	// receiver is nil if streams cannot be written.
	receiver *receiver
	outdated func(error)
	// operations is nil without a registry.
	operations *operations
}

// New returns a server. Close it when nothing is served any more.
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

// Written says that rows of runs were written, so that viewers see them at once; without it, they do
// within a second. Call it with what a [store.Projector] passes to its option Done, before that returns:
// then the rows of a run that somebody views are not read from the store again.
func (s *Server) Written(runs []store.WrittenRun) {
	for i := range runs {
		s.hubs.written(&runs[i])
	}
	if s.operations != nil {
		s.operations.runs.Written(runs, time.Now())
	}
}

// Close ends all connections that are kept open. It finishes the transaction that is under way.
func (s *Server) Close() {
	s.hubs.close()
	if s.receiver != nil {
		ctx, cancel := context.WithTimeout(context.Background(), maxApplying)
		defer cancel()
		_ = s.receiver.Close(ctx) // senders whose segments were not written send them again
	}
}

// policy lets pages load what this server has, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	s.mux.ServeHTTP(w, r)
}

// compress compresses answers for those who take that. Events are sent as they are: they are small, and
// none may wait for the next one.
var compress = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.ContentTypeFilter(func(kind string) bool {
		return !strings.HasPrefix(kind, "text/event-stream") && gzhttp.DefaultContentTypeFilter(kind)
	}))
	if err != nil {
		panic(err) // the options are constant
	}
	return wrap
}()

// protect keeps a browser from doing anything else with an answer than to show it here, now.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// pageError is an error that is shown to the person who asked.
type pageError struct {
	status int
	words  string
}

func (e *pageError) Error() string { return e.words }

var errNoPage = &pageError{http.StatusNotFound, "There is no such page."}

// handler answers with a page about the error, if there is one.
func (s *Server) handler(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		var shown *pageError
		switch {
		case err == nil, r.Context().Err() != nil: // nobody waits for an answer
			return
		case errors.As(err, &shown):
		case errors.Is(err, store.ErrNoRun):
			shown = &pageError{http.StatusNotFound, "There is no run of this id."}
		default: // an error of a store can contain addresses
			s.log.Error("a request failed", "path", printable.Name(r.URL.Path), "error", printable.Name(err.Error()))
			shown = &pageError{http.StatusServiceUnavailable, "The store does not answer. The server's log says why."}
		}
		if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasSuffix(r.URL.Path, "/events") {
			http.Error(w, shown.words, shown.status)
			return
		}
		if shown.status == http.StatusServiceUnavailable {
			w.Header().Set("Refresh", "5") // the page that was asked for is there again when the store is
		}
		w.WriteHeader(shown.status)
		_ = templates.ExecuteTemplate(w, "problem", struct {
			chrome
			Words string
		}{s.chrome(http.StatusText(shown.status)), shown.words})
	})
}

// chrome is what all pages have around what they show.
type chrome struct {
	Title, Style, Script string
	// Feed announces the feed of failed runs.
	Feed bool
	// Refresh makes browsers without script load the page again from time to time.
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
		if errors.As(err, &broken) { // the client did not leave
			level = slog.LevelError
		}
		s.log.Log(context.Background(), level, "a page was not written to its end", "error", printable.Name(err.Error()))
	}
	return nil
}

// idIn returns the id that a part of a path stands for, see [pathOf].
func idIn(part string) string {
	if rest, ok := strings.CutPrefix(part, "~"); ok {
		return rest
	}
	return part
}

// pathOf returns an id as a part of a path. Names that a path would lose have a ~ in front.
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
	page func() *page // makes the page, once
}

// origin is where rows are from.
type origin struct {
	mark   domain.Mark // up to where they are of the stream
	source string
}

// digest tells the part of the stream that the rows are of from another one of the same length.
func (o *origin) digest() string { return hex.EncodeToString(o.mark.SHA256[:8]) }

func (s *Server) newView(r *rows, o origin) *view {
	v := &view{rows: r, origin: o}
	v.page = sync.OnceValue(func() *page { return s.makePage(v) })
	return v
}

// makePage makes the page of a run.
func (s *Server) makePage(v *view) *page {
	p := newPage(s.store.Projections(), v.rows, pageLimits)
	p.Compare = comparePath("", p.ID)
	s.addLogs(s.hubs.ctx, p, v) // for the page is one for all who ask
	if !p.Ended {
		p.Events = fmt.Sprintf("%s/events?from=%d&digest=%s", runPath(p.ID), v.mark.Bytes, v.digest())
	}
	return p
}

// read reads all rows of a run, and hands them to each as well.
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

// view returns a run as the store has it. If somebody views it, it has been read already.
func (s *Server) view(r *http.Request) (*view, error) {
	run := domain.RunID(idIn(r.PathValue("run")))
	if v := s.hubs.current(run); v != nil {
		return v, nil
	}
	return s.read(r.Context(), run)
}

// head reads what a run is of and how it goes, without its jobs and commands.
func (s *Server) head(ctx context.Context, run domain.RunID) (*projections.Record, error) {
	record, _ := projections.NewRecord(run)
	return record, s.store.View(ctx, run, func(snapshot store.Snapshot) error {
		return store.EachRow(snapshot, run, []*projections.Definition{projections.Runs.Definition, projections.LabelRows.Definition}, func(of *projections.Definition, row projections.AnyRow) { record.Take(of, row) })
	})
}

// run shows a run, or the parts of it that have changed.
func (s *Server) run(w http.ResponseWriter, r *http.Request) error {
	id := domain.RunID(idIn(r.PathValue("run")))
	head, err := s.head(r.Context(), id)
	if err != nil {
		return err
	}
	// The browser gets the style and the script while the rows of a long run are read.
	c := s.chrome(windowTitle(&head.Run, head.Labels))
	c.Refresh = !head.Run.Ended
	if err := s.html(w, "page-head", c); err != nil {
		return err
	}
	_ = http.NewResponseController(w).Flush()
	v, err := s.view(r)
	if err != nil {
		if r.Context().Err() == nil { // somebody waits for the rest
			s.log.Error("a run cannot be read", "run", printable.Name(string(id)), "error", printable.Name(err.Error()))
		}
		panic(http.ErrAbortHandler) // the page has begun
	}
	p := v.page()
	if parts := r.URL.Query().Get("parts"); parts != "" {
		p = p.only(strings.Fields(parts))
	}
	return s.html(w, "run-rest", p)
}

// apiRun answers with the document of a run, as --to json has it.
func (s *Server) apiRun(w http.ResponseWriter, r *http.Request) error {
	run := domain.RunID(idIn(r.PathValue("run")))
	out := &lazyHeader{ResponseWriter: patient(w), kind: "application/json"}
	options := report.Options{Projections: s.store.Projections().Reported()}
	return report.WriteStored(out, run, options, func(of []*projections.Definition, take func(*projections.Definition, projections.AnyRow)) error {
		return s.store.View(r.Context(), run, func(snapshot store.Snapshot) error { return store.EachRow(snapshot, run, of, take) })
	})
}

// lazyHeader sets the content type with the first write, so that an error can have another one.
type lazyHeader struct {
	http.ResponseWriter
	kind string
}

func (l *lazyHeader) Write(p []byte) (int, error) {
	l.Header().Set("Content-Type", l.kind)
	return l.ResponseWriter.Write(p)
}
