package projections

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Null is a value that may be unknown. The zero Null is unknown, and null in JSON.
type Null[T comparable] struct {
	V     T
	Valid bool
}

// Some returns a known value.
func Some[T comparable](v T) Null[T] { return Null[T]{V: v, Valid: true} }

// String returns the value's default format, or "null".
func (n Null[T]) String() string {
	if !n.Valid {
		return "null"
	}
	return fmt.Sprint(n.V)
}

// MarshalJSON encodes the value, or null. It leaves escapes for HTML to the surrounding
// encoder.
func (n Null[T]) MarshalJSON() ([]byte, error) {
	if !n.Valid {
		return []byte("null"), nil
	}
	return marshal(n.V)
}

// UnmarshalJSON decodes a value, or null.
func (n *Null[T]) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		*n = Null[T]{}
		return nil
	}
	n.Valid = true
	return json.Unmarshal(data, &n.V)
}
