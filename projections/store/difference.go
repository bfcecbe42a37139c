package store

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Kind says how the rows of a store and those of a stream differ.
type Kind string

// The kinds of difference.
const (
	// Differs: a column of a row has another value.
	Differs Kind = "differs"
	// Missing: the store does not have the row.
	Missing Kind = "missing"
	// Extra: only the store has the row.
	Extra Kind = "extra"
	// Behind: the stream has more than was read of it, or nothing was read yet. The
	// rows need not be wrong for that.
	Behind Kind = "behind"
)

// Difference is one difference between what is stored and what the stream
// gives.
type Difference struct {
	Kind  Kind         `json:"kind"`
	RunID domain.RunID `json:"run_id"`
	Table string       `json:"table"`
	Key   Key          `json:"key"`
	// Column is the one whose values differ; empty where a whole row is
	// missing or extra.
	Column string `json:"column"`
	// Stored and Derived are the values, or the whole rows; nil for a row
	// that is not there, and for what the stream has not been read for.
	Stored  any `json:"stored"`
	Derived any `json:"derived"`
}

// Key names a row within its run and table.
type Key struct {
	JobID    projections.Null[string] `json:"job_id,omitzero"`
	Seq      int                      `json:"seq,omitempty"`
	Position int                      `json:"position,omitempty"`
}

// String returns the key as people read it: build/2, or #7 for a position.
func (k Key) String() string {
	var parts []string
	if k.JobID.Valid {
		parts = append(parts, k.JobID.V)
	}
	if k.Seq > 0 {
		parts = append(parts, fmt.Sprint(k.Seq))
	}
	if k.Position > 0 {
		parts = append(parts, fmt.Sprintf("#%d", k.Position))
	}
	return strings.Join(parts, "/")
}

// column is a column of a row.
type column struct {
	name  string
	value any
}

// columns returns those of a row, which is a struct whose fields have the
// columns' names in JSON.
func columns(row any) []column {
	return appendColumns(nil, reflect.ValueOf(row))
}

func appendColumns(out []column, row reflect.Value) []column {
	for i := range row.NumField() {
		field := row.Type().Field(i)
		if field.Anonymous {
			out = appendColumns(out, row.Field(i))
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		out = append(out, column{name, row.Field(i).Interface()})
	}
	return out
}
