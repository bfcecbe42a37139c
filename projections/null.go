package projections

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Null is a value that may be unknown. The zero Null is unknown; in JSON it
// is null.
type Null[T comparable] struct {
	V     T
	Valid bool
}

// Some returns a known value.
func Some[T comparable](v T) Null[T] { return Null[T]{V: v, Valid: true} }

// IsNull reports whether the value is unknown.
func (n Null[T]) IsNull() bool { return !n.Valid }

// String returns the value's default format, or "null".
func (n Null[T]) String() string {
	if !n.Valid {
		return "null"
	}
	return fmt.Sprint(n.V)
}

// MarshalJSON encodes the value, or null. What encoding/json escapes for HTML
// is left to the encoder that this is part of.
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
