package report

import (
	"cmp"
	"io"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// flushSize is how many bytes are gathered before they are written.
const flushSize = 256 << 10

// writeNDJSON writes one row per line, as soon as the row is final.
func writeNDJSON(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	var buffer []byte
	sel := newSelector(options.Selection)
	flush := func() error {
		_, err := out.Write(buffer)
		buffer = buffer[:0]
		return err
	}
	relay := newRelay(func() error {
		if len(buffer) < flushSize && !options.Live || len(buffer) == 0 {
			return nil
		}
		return flush()
	})
	// This is the order of rows that become final with the same event, and of the rows at the end.
	chosen := slices.SortedStableFunc(slices.Values(options.chosen()), func(a, b *projections.Definition) int { return cmp.Compare(late(a), late(b)) })
	var members []projections.Member
	for _, d := range chosen {
		encoder := newRowEncoder(d, run)
		members = append(members, relay.through(d, sel, false, func(row projections.AnyRow) {
			buffer = append(encoder.append(buffer, row.Value), '\n')
		}))
	}
	relay.start()
	row, err := fold(run, projections.BeforeEach(stream, func() error {
		if options.Live { // a reader of the rows must not wait for more of the stream
			relay.flush()
		}
		return relay.err()
	}), sel, members...)
	err = cmp.Or(err, relay.stop())
	if err == nil && len(buffer) > 0 {
		err = flush()
	}
	return row, err
}

// late ranks projections for the end of the report: summaries follow the other rows, and the row of
// the run is last.
func late(d *projections.Definition) int {
	switch {
	case d == projections.Runs.Definition:
		return 2
	case d.Summary:
		return 1
	}
	return 0
}

func newRowEncoder(d *projections.Definition, run domain.RunID) *encoder {
	return newEncoder(d, "", `"projection":"`+d.Name+`",`+runIDMember(string(run)))
}
