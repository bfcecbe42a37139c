package report

import (
	"cmp"
	"io"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// ndjson writes one row a line, as they become final. It holds what is about
// to be written, and nothing else.
type ndjson struct {
	out    *behind
	buffer []byte
	live   bool
	relay  *relay
}

// flushSize is how much is gathered before it is written.
const flushSize = 256 << 10

func writeNDJSON(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	w := &ndjson{out: newBehind(out), live: options.Live}
	w.relay = newRelay(w.relieve)
	w.relay.inOrder = true
	// This is the order of the rows that one event makes final, and of the rest at the end.
	chosen := slices.SortedStableFunc(slices.Values(options.chosen()), func(a, b *projections.Definition) int { return cmp.Compare(late(a), late(b)) })
	f := newFold(run)
	for _, d := range chosen {
		encoder := newEncoder(d, "", `"projection":"`+d.Name+`",`+runIDMember(string(run)))
		f.add(w.relay.through(d, f.watch(d, func(row projections.AnyRow) {
			w.buffer = append(encoder.append(w.buffer, row.Value), '\n')
		})))
	}
	w.relay.start()
	err := f.drain(projections.BeforeEach(stream, w.pause))
	err = cmp.Or(err, w.relay.stop())
	if err == nil {
		err = w.flush()
	}
	return f.row, cmp.Or(err, w.out.close())
}

// late says which rows come after others at the end: those that sum up the run, and behind
// them the run itself.
func late(d *projections.Definition) int {
	switch {
	case d == projections.Runs.Definition:
		return 2
	case d.Summary:
		return 1
	}
	return 0
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
