package report

import (
	"cmp"
	"io"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// ndjson writes one row a line, as they become final. It holds what is about
// to be written, and nothing else.
type ndjson struct {
	out    *behind
	runID  []byte // as a JSON string
	buffer []byte
	live   bool
	relay  *relay
}

// flushSize is how much is gathered before it is written.
const flushSize = 256 << 10

func writeNDJSON(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	w := &ndjson{out: newBehind(out), runID: jsonenc.AppendString(nil, string(run)), live: options.Live}
	w.relay = newRelay(w.relieve)
	var row projections.Run
	var members []projections.Member
	add := func(section Section, member func(Section) projections.Member) {
		if options.Sections.Has(section) {
			members = append(members, member(section))
		}
	}
	// This is the order of the rows that one event makes final, and of the
	// rest at the end.
	add(Jobs, func(s Section) projections.Member { return line(w, s, projections.Jobs(), appendJob) })
	add(ShEvents, func(s Section) projections.Member { return line(w, s, projections.ShEvents(), appendShEvent) })
	add(TimingsJobs, func(s Section) projections.Member { return line(w, s, projections.JobTimings(), appendJobTiming) })
	add(TimingsSh, func(s Section) projections.Member { return line(w, s, projections.ShTimings(), appendShTiming) })
	add(Diagnostics, func(s Section) projections.Member { return line(w, s, projections.Diagnostics(), appendDiagnostic) })
	add(TimingsRun, func(s Section) projections.Member { return line(w, s, projections.RunTimings(), appendRunTiming) })
	add(TimingsSlowest, func(s Section) projections.Member { return line(w, s, projections.Slowest(), appendSlowSh) })
	members = append(members, projections.Into(projections.Runs(), func(r *projections.Row[projections.Run]) { row = r.Value }))
	fold := projections.NewFold(run, members...)
	w.relay.start()
	err := fold.Drain(projections.Between(stream, w.pause))
	if err == nil {
		fold.Open()
	}
	err = cmp.Or(err, w.relay.stop())
	if err == nil {
		if options.Sections.Has(Run) {
			w.buffer = append(appendRunRest(append(w.buffer, w.head(Run)...), &row), '}', '\n')
		}
		err = w.flush()
	}
	return row, cmp.Or(err, w.out.close())
}

// line makes a projection a member of the fold that writes a line for each row.
func line[R comparable](w *ndjson, section Section, p projections.Projection[R], encode func([]byte, *R) []byte) projections.Member {
	head := w.head(section)
	return projections.Into(p, through(w.relay, func(row *projections.Row[R]) {
		w.buffer = append(encode(append(w.buffer, head...), &row.Value), '}', '\n')
	}))
}

// head is what the lines of a section begin with.
func (w *ndjson) head(section Section) string {
	return `{"projection":"` + string(section) + `","run_id":` + string(w.runID) + `,`
}

// pause comes before each time the stream is read on. What somebody waits for
// must not wait for more of it.
func (w *ndjson) pause() error {
	if w.live {
		w.relay.flush()
	}
	return w.relay.err()
}

// relieve writes what has been gathered, if that is much, or if somebody waits
// for it.
func (w *ndjson) relieve() error {
	if len(w.buffer) < flushSize && !w.live {
		return nil
	}
	return w.flush()
}

func (w *ndjson) flush() error {
	if len(w.buffer) == 0 {
		return nil
	}
	var err error
	w.buffer, err = w.out.write(w.buffer)
	return err
}
