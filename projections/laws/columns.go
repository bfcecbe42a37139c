package laws

import (
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
)

// EveryType is a row with a column of each type, for tests of code that handles rows.
type EveryType struct {
	Text     string                              `json:"text"`
	State    projections.State                   `json:"state"`
	Number   int                                 `json:"number"`
	Small    int32                               `json:"small"`
	Large    int64                               `json:"large"`
	Truth    bool                                `json:"truth"`
	NoText   projections.Null[string]            `json:"no_text"`
	NoState  projections.Null[projections.State] `json:"no_state"`
	NoNumber projections.Null[int]               `json:"no_number"`
	NoSmall  projections.Null[int32]             `json:"no_small"`
	NoLarge  projections.Null[int64]             `json:"no_large"`
	NoTruth  projections.Null[bool]              `json:"no_truth"`
}

// Row generates rows of a projection, with any values that their columns allow.
func Row[R comparable](of *projections.Defined[R], text *rapid.Generator[string]) *rapid.Generator[R] {
	return rapid.Custom(func(t *rapid.T) R {
		row := of.NewRows().New(0, false)
		for i := range of.Columns {
			c := &of.Columns[i]
			if err := c.Set(row, Value(c, text).Draw(t, c.Name)); err != nil {
				t.Fatal(err)
			}
		}
		return *of.At(row)
	})
}

// Value generates values that a column allows, in the form that its Set accepts.
func Value(c *projections.Column, text *rapid.Generator[string]) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		switch {
		case c.Nullable && rapid.IntRange(0, 2).Draw(t, "null") == 0:
			return nil
		case c.Values != nil:
			return rapid.SampledFrom(c.Values).Draw(t, "value")
		case c.Type == projections.Text:
			return text.Draw(t, "text")
		case c.Type == projections.Bool:
			return rapid.Bool().Draw(t, "bool")
		case c.Bits == 32:
			return int64(ExitCode().Draw(t, "int32"))
		}
		return AtMs().Draw(t, "int64")
	})
}
