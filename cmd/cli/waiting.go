package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// quarantineSchema is the first member of the document of quarantine. It changes
// when a reader of the document would have to.
const quarantineSchema = "quire-project/quarantine/v1"

// waitingRun is what is told of a run of which something waits.
type waitingRun struct {
	RunID      domain.RunID    `json:"run_id"`
	Quarantine *quarantineInfo `json:"quarantine"` // null while it may go on by itself
	// Projected is what of the stream is in the rows.
	Projected projectedInfo `json:"projected"`
	Held      heldInfo      `json:"held"`
}

type quarantineInfo struct {
	Code   store.QuarantineCode `json:"code"`
	Reason string               `json:"reason"`
	Offset int64                `json:"offset"`
	Since  string               `json:"since"` // RFC 3339, UTC
}

type projectedInfo struct {
	Bytes  int64  `json:"bytes"`
	Lines  int64  `json:"lines"`
	Events int64  `json:"events"`
	Source string `json:"source"`
}

type heldInfo struct {
	Segments int   `json:"segments"`
	Bytes    int64 `json:"bytes"`
	First    int64 `json:"first"`
	Last     int64 `json:"last"`
	AgeMs    int64 `json:"age_ms"`
}

// listWaiting prints what waits of some runs in full, or of all in short.
func listWaiting(ctx context.Context, to []string, runs []domain.RunID, p *app) (err error) {
	at, format, err := parseTargets(to, "look at", "runs")
	if err != nil {
		return err
	}
	s, err := p.open(ctx, at, stores.Options{MustExist: true}, sources{})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	found, err := waitingRuns(ctx, s, runs)
	if err != nil {
		return err
	}
	out, columns := io.Writer(output{p.out}), 0
	if screen := terminal(p.out); screen != nil {
		out, columns = report.TerminalSafe(out), width(screen)
	}
	err = printWaiting(out, columns, format, found, runs != nil)
	if err == nil && len(found) < len(runs) {
		return missing(runs, found, p.stdio)
	}
	return err
}

// printWaiting prints what waits, of each run in full or in one line.
func printWaiting(out io.Writer, columns int, format report.Format, runs []waitingRun, full bool) (err error) {
	switch {
	case format == report.JSON:
		_, err = fmt.Fprintf(out, "{\"schema\":\"%s\",\"runs\":%s}\n", quarantineSchema, compact(append([]waitingRun{}, runs...)))
	case full:
		err = showWaiting(out, runs)
	default:
		err = tabulateWaiting(out, runs, columns)
	}
	return err
}

// missing tells of the runs that were asked for and are not waiting.
func missing(runs []domain.RunID, found []waitingRun, std stdio) error {
	known := map[domain.RunID]bool{}
	for i := range found {
		known[found[i].RunID] = true
	}
	for _, run := range runs {
		if !known[run] {
			tell(std.err, errNothing(run))
		}
	}
	return &statusError{status: statusFound}
}

func waitingRuns(ctx context.Context, s store.Store, runs []domain.RunID) ([]waitingRun, error) {
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
	found := make([]waitingRun, len(waiting))
	for i := range waiting {
		found[i] = describe(&waiting[i], checkpoints[waiting[i].Run])
	}
	return found, nil
}

func describe(w *store.Waiting, checkpoint store.Checkpoint) waitingRun {
	run := waitingRun{
		RunID:     w.Run,
		Projected: projectedInfo{checkpoint.End.Bytes, checkpoint.End.Lines, checkpoint.Events, checkpoint.Source},
		Held:      heldInfo{w.Segments, w.Bytes, w.First, w.Last, w.Age.Milliseconds()},
	}
	if q := w.Quarantine; q != nil {
		run.Quarantine = &quarantineInfo{q.Code, q.Reason, q.Offset, q.Since.UTC().Format(time.RFC3339)}
	}
	return run
}

// tabulateWaiting prints a line for each run, for a terminal that has so many columns, 0 if
// there is none.
func tabulateWaiting(out io.Writer, runs []waitingRun, columns int) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(out, "no run waits for anything")
		return err
	}
	g := &report.Grid{Columns: []report.Column{
		{Title: "run", Share: 1}, {Title: "quarantined"}, {Title: "since", Drop: 3}, {Title: "at byte", Right: true, Drop: 2},
		{Title: "held", Right: true, Drop: 4}, {Title: "bytes", Right: true, Drop: 1},
	}}
	for i := range runs {
		run := &runs[i]
		code, since := "not yet", ""
		if run.Quarantine != nil {
			code, since = string(run.Quarantine.Code), run.Quarantine.Since
		}
		row := []report.Cell{}
		for _, value := range []any{run.RunID, code, since, run.Projected.Bytes, run.Held.Segments, run.Held.Bytes} {
			row = append(row, report.NewCell(fmt.Sprint(value), maxColumn))
		}
		g.Rows = append(g.Rows, row)
	}
	return g.Write(out, columns)
}

// showWaiting prints all that is known of each run.
func showWaiting(out io.Writer, runs []waitingRun) error {
	for i := range runs {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if _, err := io.WriteString(out, runs[i].words()); err != nil {
			return err
		}
	}
	return nil
}

func (r *waitingRun) words() string {
	var words strings.Builder
	line := func(name, format string, values ...any) {
		fmt.Fprintf(&words, "%-13s%s\n", name, report.Printable(fmt.Sprintf(format, values...)))
	}
	line("run", "%s", r.RunID)
	if q := r.Quarantine; q != nil {
		line("quarantined", "%s, since %s", q.Code, q.Since)
		line("reason", "%s", q.Reason)
	} else {
		line("quarantined", "not yet: what is missing may still come")
	}
	if p := r.Projected; p.Bytes > 0 {
		line("in the rows", "%d bytes, %s, %s of the stream at %s", p.Bytes, plural(int(p.Lines), "line"), plural(int(p.Events), "event"), p.Source)
	} else {
		line("in the rows", "nothing")
	}
	if h := r.Held; h.Segments > 0 {
		line("held", "%s with %d bytes, between bytes %d and %d of the stream, for %v", plural(h.Segments, "segment"), h.Bytes, h.First, h.Last, (time.Duration(h.AgeMs) * time.Millisecond).Round(time.Second))
	} else {
		line("held", "nothing")
	}
	return words.String()
}
