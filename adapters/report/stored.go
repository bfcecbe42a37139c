package report

import (
	"io"
	"strconv"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// WriteStored writes the JSON document of a run from rows. each has to pass them to its argument,
// those of a projection in order, as [store.EachRow] does. The document is the one that [Write]
// writes for the run's stream. If each returns an error, WriteStored writes nothing.
//
// [store.EachRow]: https://pkg.go.dev/github.com/quire-ci/quire-project/projections/store#EachRow
func WriteStored(out io.Writer, run domain.RunID, options Options, each func(of []*projections.Definition, take func(*projections.Definition, projections.AnyRow)) error) error {
	var parts []*part
	of := map[*projections.Definition]*part{}
	for _, d := range options.chosen() {
		of[d] = newPart(d, run)
		parts = append(parts, of[d])
	}
	err := each(options.chosen(), func(d *projections.Definition, row projections.AnyRow) { of[d].rows.add(row.Value) })
	if err != nil {
		return err
	}
	return writeParts(out, parts, options)
}

// RowEncoder encodes rows of one run and projection as in NDJSON.
type RowEncoder struct{ rows *encoder }

// NewRowEncoder returns an encoder for rows of a projection.
func NewRowEncoder(of *projections.Definition, run domain.RunID) *RowEncoder {
	return &RowEncoder{newRowEncoder(of, run)}
}

// Append appends a row as a JSON object, with the members "index" and "final" at its end.
func (e *RowEncoder) Append(dst []byte, row projections.AnyRow) []byte {
	dst = e.rows.append(dst, row.Value)
	dst = strconv.AppendInt(append(dst[:len(dst)-1], `,"index":`...), int64(row.Index), 10)
	return append(strconv.AppendBool(append(dst, `,"final":`...), row.Final), '}')
}
