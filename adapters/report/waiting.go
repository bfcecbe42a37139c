package report

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// WaitingRun describes a run that is quarantined or has parked segments.
type WaitingRun struct {
	RunID      domain.RunID `json:"run_id"`
	Quarantine *quarantine  `json:"quarantine"` // null if the run may continue by itself
	// Projected is the part of the stream that the rows are derived from.
	Projected projected `json:"projected"`
	Parked    parked    `json:"parked"`
}

type quarantine struct {
	Code   store.QuarantineCode `json:"code"`
	Reason string               `json:"reason"`
	Offset int64                `json:"offset"`
	Since  string               `json:"since"` // in UTC, as RFC 3339
}

type projected struct {
	Bytes  int64  `json:"bytes"`
	Lines  int64  `json:"lines"`
	Events int64  `json:"events"`
	Source string `json:"source"`
}

type parked struct {
	Segments int   `json:"segments"`
	Bytes    int64 `json:"bytes"`
	First    int64 `json:"first"`
	Last     int64 `json:"last"`
	AgeMs    int64 `json:"age_ms"`
}

// ReadWaiting returns the waiting runs of a store: the named ones, or all if none is named.
func ReadWaiting(ctx context.Context, s store.Store, runs ...domain.RunID) ([]WaitingRun, error) {
	waiting, err := s.Waiting(ctx, runs...)
	if err != nil {
		return nil, err
	}
	ids := make([]domain.RunID, len(waiting))
	for i := range waiting {
		ids[i] = waiting[i].Run
	}
	checkpoints, err := s.Checkpoints(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make([]WaitingRun, len(waiting))
	for i := range waiting {
		found[i] = newWaitingRun(&waiting[i], checkpoints[waiting[i].Run])
	}
	return found, nil
}

func newWaitingRun(w *store.Waiting, c store.Checkpoint) WaitingRun {
	run := WaitingRun{
		RunID:     w.Run,
		Projected: projected{c.End.Bytes, c.End.Lines, c.Events, c.Source},
		Parked:    parked{w.Segments, w.Bytes, w.First, w.Last, w.Age.Milliseconds()},
	}
	if q := w.Quarantine; q != nil {
		run.Quarantine = &quarantine{q.Code, q.Reason, q.Offset, q.Since.UTC().Format(time.RFC3339)}
	}
	return run
}

// waitingSchema is the first member of the JSON document. It changes when a change of the document
// would break its readers.
const waitingSchema = "quire-project/quarantine/v2"

// WriteWaiting writes runs as one document, docs/schema/quarantine.json, or as a table for a
// terminal with that many columns; 0 means no limit.
func WriteWaiting(out io.Writer, format Format, columns int, runs []WaitingRun) error {
	if format == JSON {
		return writeValue(out, waitingSchema, map[string]any{"runs": append([]WaitingRun{}, runs...)})
	}
	if len(runs) == 0 {
		_, err := fmt.Fprintln(out, "nothing is quarantined or parked")
		return err
	}
	g := &Grid{Columns: []Column{
		{Title: "run", Share: 1}, {Title: "quarantined"}, {Title: "since", Drop: 3}, {Title: "read to byte", Right: true, Drop: 2},
		{Title: "parked", Right: true, Drop: 4}, {Title: "bytes", Right: true, Drop: 1},
	}}
	for i := range runs {
		run := &runs[i]
		code, since := "not yet", ""
		if run.Quarantine != nil {
			code, since = string(run.Quarantine.Code), run.Quarantine.Since
		}
		g.add(maxCell, string(run.RunID), code, since, fmt.Sprint(run.Projected.Bytes), fmt.Sprint(run.Parked.Segments), fmt.Sprint(run.Parked.Bytes))
	}
	return g.Write(out, columns)
}

// DescribeWaiting writes runs as one document, docs/schema/quarantine.json, or as some lines for
// each run.
func DescribeWaiting(out io.Writer, format Format, runs []WaitingRun) error {
	if format == JSON {
		return WriteWaiting(out, format, 0, runs)
	}
	var text []string
	for i := range runs {
		text = append(text, runs[i].String())
	}
	_, err := io.WriteString(out, strings.Join(text, "\n"))
	return err
}

// String describes the run in several lines.
func (r *WaitingRun) String() string {
	var words strings.Builder
	line := func(name, format string, values ...any) {
		fmt.Fprintf(&words, "%-13s%s\n", name, Printable(fmt.Sprintf(format, values...)))
	}
	line("run", "%s", r.RunID)
	if q := r.Quarantine; q != nil {
		line("quarantined", "%s, since %s", q.Code, q.Since)
		line("reason", "%s", q.Reason)
	} else {
		line("quarantined", "not yet: the missing part may still arrive")
	}
	if p := r.Projected; p.Bytes > 0 {
		line("in the rows", "%d bytes, %s, %s of the stream at %s", p.Bytes, display.Plural(int(p.Lines), "line"), display.Plural(int(p.Events), "event"), p.Source)
	} else {
		line("in the rows", "nothing")
	}
	if h := r.Parked; h.Segments > 0 {
		line("parked", "%s with %d bytes, between bytes %d and %d of the stream, for %v", display.Plural(h.Segments, "segment"), h.Bytes, h.First, h.Last, (time.Duration(h.AgeMs) * time.Millisecond).Round(time.Second))
	} else {
		line("parked", "nothing")
	}
	return words.String()
}
