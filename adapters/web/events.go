package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// How often a viewer gets a sign of life, and how long one may take to read what is sent.
const (
	heartbeat    = 15 * time.Second
	writeTimeout = 30 * time.Second
)

// events sends the rows of a run as server-sent events: all of them first, then what changes. The id
// of an event is the offset in the stream up to which all events together have the rows.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	run := domain.RunID(idIn(r.PathValue("run")))
	if _, err := store.ReadRun(r.Context(), s.store, run); err != nil {
		return err
	}
	offset, some, err := resumeAt(r)
	if err != nil {
		return err
	}
	hub, leave := s.hubs.join(run)
	defer leave()
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would wait for more
	out.line(": ok\n\n")
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for out.err == nil {
		changes, news, err := hub.since(offset, some)
		if err != nil {
			return nil // the viewer comes back
		}
		for _, c := range changes {
			out.change(c)
			offset, some = c.offset, true
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.hubs.ctx.Done():
			return nil
		case <-news:
		case <-beat.C:
			out.line(": \n\n")
		}
	}
	return nil
}

// resumeAt returns the offset up to which a viewer has the rows: that of the last event it got or, as
// the parameter from, that of the page it shows.
func resumeAt(r *http.Request) (offset int64, some bool, err error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("from")
	}
	if text == "" {
		return 0, false, nil
	}
	offset, err = strconv.ParseInt(text, 10, 64)
	if err != nil || offset < 0 {
		return 0, false, &pageError{http.StatusBadRequest, "Last-Event-ID is not the id of an event"}
	}
	return offset, true, nil
}

// eventWriter writes events to a viewer, and keeps the first error.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  bytes.Buffer
	err     error
}

// change writes an event. No row has a line feed in it.
func (e *eventWriter) change(c *change) {
	e.buffer.Reset()
	fmt.Fprintf(&e.buffer, "id: %d\ndata: {\"offset\":%d,", c.offset, c.offset)
	if c.whole {
		e.buffer.WriteString(`"snapshot":true,`)
	}
	e.buffer.WriteString(`"rows":[`)
	for i, row := range c.rows {
		if i > 0 {
			e.buffer.WriteByte(',')
		}
		e.buffer.WriteString(row)
	}
	e.buffer.WriteString("]}\n\n")
	e.line(e.buffer.String())
}

// line writes text at once. A viewer who does not read for a long time is left.
func (e *eventWriter) line(text string) {
	if e.err != nil {
		return
	}
	e.err = e.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if e.err == nil {
		_, e.err = e.w.Write([]byte(text))
	}
	if e.err == nil {
		e.err = e.control.Flush()
	}
}
