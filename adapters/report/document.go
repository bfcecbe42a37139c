package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// SchemaVersion is the first member of every document. It changes when a change of the document
// would break its readers.
const SchemaVersion = "quire-project/v1"

// part holds the rows of a projection for a JSON document. The document begins with rows that are
// known last, so rows are kept until the end. A row is packed when all rows before it have been.
type part struct {
	of      *projections.Definition
	rows    *packed
	encoder *encoder // with a comma before each row
}

func newPart(d *projections.Definition, run domain.RunID) *part {
	members := ""
	if d.HasRunID {
		members = runIDMember(string(run))
	}
	return &part{of: d, rows: newPacked(d), encoder: newEncoder(d, ",", members)}
}

func writeJSON(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	row, parts, err := foldDocument(run, stream, options)
	if err != nil {
		return projections.Run{}, err
	}
	return row, writeParts(out, parts, options)
}

// foldDocument returns the row of a run, and the parts of its document.
func foldDocument(run domain.RunID, stream projections.Stream, options Options) (projections.Run, []*part, error) {
	relay, sel := newRelay(func() error { return nil }), newSelector(options.Selection)
	var parts []*part
	var members []projections.Member
	for _, d := range options.chosen() {
		p := newPart(d, run)
		parts = append(parts, p)
		members = append(members, relay.through(d, sel, true, newOrdered(d, p.rows.add).take))
	}
	relay.start()
	row, err := fold(run, stream, sel, members...)
	return row, parts, cmp.Or(err, relay.stop())
}

func writeParts(out io.Writer, parts []*part, options Options) error {
	if options.Pretty {
		return writePretty(out, parts)
	}
	return writeDocument(out, parts)
}

// writeDocument writes the document and a line feed.
func writeDocument(out io.Writer, parts []*part) error {
	w := bufio.NewWriterSize(out, blockSize) // a bufio.Writer keeps its first error
	_, _ = w.WriteString(`{"schema":"` + SchemaVersion + `"`)
	for _, group := range groups(parts, func(p *part) *projections.Definition { return p.of }) {
		_, _ = w.WriteString(`,"` + group[0].of.Group() + `":`)
		if group[0].of.Part() == "" {
			group[0].write(w)
			continue
		}
		before := "{"
		for _, p := range group {
			_, _ = w.WriteString(before + `"` + p.of.Part() + `":`)
			p.write(w)
			before = ","
		}
		_ = w.WriteByte('}')
	}
	_, _ = w.WriteString("}\n")
	return w.Flush()
}

// write writes the only row, or an array of all rows.
func (p *part) write(w *bufio.Writer) {
	if p.of.Single {
		_ = p.rows.write(w, p.encoder)
		return
	}
	_ = w.WriteByte('[')
	_ = p.rows.write(w, p.encoder)
	_ = w.WriteByte(']')
}

// groups collects the elements of the same projection, and keeps their order.
func groups[E any](all []E, of func(E) *projections.Definition) (grouped [][]E) {
	for _, e := range all {
		at := slices.IndexFunc(grouped, func(group []E) bool { return of(group[0]).Group() == of(e).Group() })
		if at < 0 {
			at, grouped = len(grouped), append(grouped, nil)
		}
		grouped[at] = append(grouped[at], e)
	}
	return grouped
}

func writePretty(out io.Writer, parts []*part) error {
	var compact, pretty bytes.Buffer
	if err := writeDocument(&compact, parts); err != nil {
		return err
	}
	if err := json.Indent(&pretty, compact.Bytes(), "", "  "); err != nil {
		return err
	}
	_, err := out.Write(pretty.Bytes())
	return err
}
