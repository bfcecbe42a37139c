package sqlread

import (
	"encoding/hex"
	"fmt"

	"github.com/quire-ci/quire-project/projections"
)

// text scans a column of text.
type text[T ~string] struct {
	dialect *Dialect
	to      *T
}

func (c text[T]) Scan(value any) error {
	var s string
	switch value := value.(type) {
	case string:
		s = value
	case []byte:
		s = string(value)
	default:
		return fmt.Errorf("%T where text is expected", value)
	}
	if c.dialect.Decode != nil {
		s = c.dialect.Decode(s)
	}
	*c.to = T(s)
	return nil
}

// integer scans a column of integers.
type integer[T ~int | ~int32 | ~int64] struct{ to *T }

func (c integer[T]) Scan(value any) error {
	n, ok := value.(int64)
	if !ok {
		return fmt.Errorf("%T where an integer is expected", value)
	}
	*c.to = T(n)
	if int64(*c.to) != n {
		return fmt.Errorf("%d is out of range", n)
	}
	return nil
}

// boolean scans a column of truth, which SQLite keeps as 0 or 1.
type boolean struct{ to *bool }

func (c boolean) Scan(value any) error {
	switch value := value.(type) {
	case bool:
		*c.to = value
	case int64:
		*c.to = value != 0
	default:
		return fmt.Errorf("%T where true or false is expected", value)
	}
	return nil
}

// position scans the position of a row, which counts from 1, as its index.
type position struct{ index *int }

func (c position) Scan(value any) error {
	err := integer[int]{c.index}.Scan(value)
	*c.index--
	return err
}

// digest scans a SHA-256 in hexadecimal. What is none is left zero, which is
// the digest of no stream: the run is then folded again, where an error would
// be in its way for good.
type digest struct{ to *[32]byte }

func (c digest) Scan(value any) error {
	var s string
	if err := (text[string]{&Dialect{}, &s}).Scan(value); err != nil {
		return err
	}
	sum, err := hex.DecodeString(s)
	if err != nil || len(sum) != len(c.to) {
		sum = make([]byte, len(c.to))
	}
	copy(c.to[:], sum)
	return nil
}

// nullInteger and nullText scan columns that may be null.
type nullInteger[T ~int | ~int32 | ~int64] struct{ to *projections.Null[T] }

func (c nullInteger[T]) Scan(value any) error {
	c.to.V, c.to.Valid = 0, value != nil
	if value == nil {
		return nil
	}
	return integer[T]{&c.to.V}.Scan(value)
}

type nullText struct {
	dialect *Dialect
	to      *projections.Null[string]
}

func (c nullText) Scan(value any) error {
	c.to.V, c.to.Valid = "", value != nil
	if value == nil {
		return nil
	}
	return text[string]{c.dialect, &c.to.V}.Scan(value)
}
