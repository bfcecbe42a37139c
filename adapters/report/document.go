package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// SchemaVersion is the first member of every document. It changes when a
// reader of the document would have to.
const SchemaVersion = "quire-project/v1"

// part is the rows of a projection in a JSON document in the making: they are encoded
// as soon as those before them are, so that nothing but their text is kept.
type part struct {
	of   *projections.Definition
	rows chunks // with a comma in front of each
}

func writeJSON(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	relay := newRelay(func() error { return nil })
	f := newFold(run)
	var parts []*part
	for _, d := range options.chosen() {
		p := &part{of: d}
		parts = append(parts, p)
		f.add(relay.through(d, f.watch(d, newOrdered(d, p.encode(run)).take)))
	}
	relay.start()
	err := f.drain(stream)
	if err := cmp.Or(err, relay.stop()); err != nil {
		return projections.Run{}, err
	}
	if options.Pretty {
		return f.row, writePretty(out, parts)
	}
	return f.row, writeDocument(out, parts)
}

// encode returns a function that encodes the row that comes next.
func (p *part) encode(run domain.RunID) func(projections.Ref) {
	members := ""
	if p.of.HasRunID {
		members = runIDMember(string(run))
	}
	encoder := newEncoder(p.of, ",", members)
	return func(row projections.Ref) { p.rows.end(encoder.append(p.rows.last, row)) }
}

// writeDocument writes the document, and a line feed behind it.
func writeDocument(out io.Writer, parts []*part) error {
	w := &pieces{out: out}
	w.string(`{"schema":"` + SchemaVersion + `"`)
	for _, group := range groups(parts, func(p *part) *projections.Definition { return p.of }) {
		w.string(`,"` + group[0].of.Group() + `":`)
		if group[0].of.Part() == "" {
			group[0].write(w)
			continue
		}
		before := "{"
		for _, p := range group {
			w.string(before + `"` + p.of.Part() + `":`)
			p.write(w)
			before = ","
		}
		w.string("}")
	}
	w.string("}\n")
	return w.flush()
}

// write writes the rows: the one that there is, or an array.
func (p *part) write(w *pieces) {
	if p.of.Single {
		w.chunks(&p.rows, 1)
		return
	}
	w.string("[")
	w.chunks(&p.rows, 1)
	w.string("]")
}

// groups puts what is of parts of the same projection together, in order.
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
