package store

import (
	"encoding/json"
	"fmt"
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
	// Behind: the stream has more than was read of it, or nothing was read yet. That does
	// not make rows wrong.
	Behind Kind = "behind"
)

// Difference is one difference between the stored rows and those that the stream gives.
type Difference struct {
	Kind  Kind         `json:"kind"`
	RunID domain.RunID `json:"run_id"`
	Table string       `json:"table"`
	Key   Key          `json:"key"`
	// Column is the one whose values differ; empty if a whole row is missing or extra.
	Column string `json:"column"`
	// Stored and Derived are the values, or the whole rows; nil for a row that is not there,
	// or that was not derived.
	Stored  any `json:"stored"`
	Derived any `json:"derived"`
}

// Key names a row within its run and table: the columns of the table's key, in order.
type Key []KeyColumn

// KeyColumn is a column of a key: a string, an int64 or a bool.
type KeyColumn struct {
	Name  string
	Value any
}

func keyOf(of *projections.Definition, row projections.AnyRow) (key Key) {
	if of.ByPosition {
		return Key{{"position", int64(row.Index) + 1}}
	}
	for _, c := range of.Keys() {
		key = append(key, KeyColumn{c.Name, c.Value(row.Value)})
	}
	return key
}

// String returns the key for people, such as build/2.
func (k Key) String() string {
	parts := make([]string, len(k))
	for i, c := range k {
		parts[i] = fmt.Sprint(c.Value)
	}
	return strings.Join(parts, "/")
}

// MarshalJSON encodes the key as an object.
func (k Key) MarshalJSON() ([]byte, error) {
	object := []byte{'{'}
	for i, c := range k {
		if i > 0 {
			object = append(object, ',')
		}
		value, err := json.Marshal(c.Value)
		if err != nil {
			return nil, err
		}
		object = append(append(append(append(object, '"'), c.Name...), `":`...), value...)
	}
	return append(object, '}'), nil
}
