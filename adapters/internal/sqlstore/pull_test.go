package sqlstore_test

import (
	"errors"
	"iter"
	"testing"

	"github.com/quire-ci/quire-project/projections"
)

// pull returns a function that returns the index of the next row of a sequence.
func pull(t *testing.T, rows iter.Seq2[projections.AnyRow, error]) func() (int, error) {
	next, stop := iter.Pull2(rows)
	t.Cleanup(stop)
	return func() (int, error) {
		row, err, ok := next()
		if !ok {
			return 0, errors.New("there are no more rows")
		}
		return row.Index, err
	}
}
