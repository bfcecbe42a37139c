package web

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// heartbeat is how often an idle viewer gets an empty message; writeTimeout limits how long a
// viewer may take to read what is sent.
const (
	heartbeat    = 15 * time.Second
	writeTimeout = 30 * time.Second
)

// events sends the rows of a run as server-sent events: first all rows, then the changed ones. The
// id of an event is an offset: with all events so far, a viewer has the rows of the stream up to
// there. The pages of this server ask for HTML instead: the parts of the page that have changed.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	run := domain.RunID(idIn(r.PathValue("run")))
	if _, err := store.ReadRun(r.Context(), s.store, run); err != nil {
		return err
	}
	at, err := resumeAt(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // otherwise nginx would buffer events
	if r.Method == http.MethodHead {
		return nil
	}
	asHTML := r.URL.Query().Has("html")
	hub, leave := s.hubs.join(run)
	defer leave()
	out := newEventWriter(w)
	out.text(": ok\n\n")
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for out.flush() == nil {
		changes, now, news, err := hub.since(at)
		if err != nil {
			return nil // the viewer connects again
		}
		begun, drawing := time.Now(), time.Duration(0)
		switch {
		case len(changes) == 0:
		case asHTML:
			out.parts(now, hub.draw(at, now, changes))
			drawing = time.Since(begun)
		default:
			for _, c := range changes {
				out.change(c)
			}
		}
		if at = now; out.flush() != nil {
			return nil
		}
		sleep(r.Context(), 4*drawing, nil) // drawing takes a fifth of the time at most, however large the run is
		select {
		case <-r.Context().Done():
			return nil
		case <-s.hubs.ctx.Done():
			return nil
		case <-news:
		case <-beat.C:
			out.text(": \n\n")
		}
	}
	return nil
}

// resumeAt returns the place of the rows that a viewer already has: those of the last event it got,
// or those of the page it shows, which the parameters from and digest name.
func resumeAt(r *http.Request) (place, error) {
	query := r.URL.Query()
	text, digest := r.Header.Get("Last-Event-ID"), ""
	if text == "" || text == query.Get("from") {
		text, digest = query.Get("from"), query.Get("digest")
	}
	if text == "" {
		return place{}, nil
	}
	offset, err := strconv.ParseInt(text, 10, 64)
	if err != nil || offset < 0 {
		return place{}, &pageError{http.StatusBadRequest, "Last-Event-ID is not the id of an event"}
	}
	return place{offset, true, digest}, nil
}

// eventWriter writes events to a viewer that may read slowly.
type eventWriter struct {
	*bufio.Writer // keeps the first error
	patient       patientWriter
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	e := &eventWriter{patient: patient(w)}
	e.Writer = bufio.NewWriter(e.patient)
	return e
}

// change writes an event. Encoded rows contain no line feeds.
func (e *eventWriter) change(c *change) {
	fmt.Fprintf(e, "id: %d\ndata: {\"offset\":%d,\"digest\":%q,", c.to.offset, c.to.offset, c.to.digest)
	if c.whole {
		e.text(`"snapshot":true,`)
	}
	e.text(`"rows":[`)
	for i, row := range c.rows {
		if i > 0 {
			e.text(",")
		}
		e.text(row)
	}
	e.text("]}\n\n")
}

// parts writes an event with the parts of a page that have changed; if there are none, all of it has to be loaded.
func (e *eventWriter) parts(at place, html string) {
	fmt.Fprintf(e, "id: %d\ndata: ", at.offset)
	out := json.NewEncoder(e)
	out.SetEscapeHTML(false) // markup has many of these characters
	_ = out.Encode(struct {
		Offset int64  `json:"offset"`
		Digest string `json:"digest"`
		HTML   string `json:"html,omitempty"`
	}{at.offset, at.digest, html}) // the writer keeps the error
	e.text("\n")
}

func (e *eventWriter) text(s string) { _, _ = e.WriteString(s) }

// flush sends everything written so far.
func (e *eventWriter) flush() error {
	if err := e.Flush(); err != nil {
		return err
	}
	return e.patient.control.Flush()
}

// patientWriter sets a deadline for each piece of a long answer instead of for the whole answer. So
// a slow client gets all of it, and a client that stops reading is disconnected.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func patient(w http.ResponseWriter) patientWriter {
	return patientWriter{w, http.NewResponseController(w)}
}

func (p patientWriter) Write(text []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.ResponseWriter.Write(text)
}
