package laws

import (
	"errors"
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// fitting is the law that each value is one that its column can have, as schemas and tables
// say: a text one of those that are listed, an integer no less than the least.
func fitting[R comparable](of *projections.Defined[R]) law[R] {
	return func(newProjection maker[R], stream []domain.Entry) error {
		return atEachCut(newProjection, stream, func(o outcome[R]) (err error) {
			for i, row := range o.rows() {
				ref := of.List(row).At(0).Value
				for _, c := range of.Columns {
					switch {
					case c.IsNull(ref):
					case c.Values != nil && !slices.Contains(c.Values, c.Text(ref)):
						err = errors.Join(err, fmt.Errorf("row %d: %s is %q, which is none of %q", i, c.Name, c.Text(ref), c.Values))
					case c.Type == projections.Int && c.Int(ref) < c.Min:
						err = errors.Join(err, fmt.Errorf("row %d: %s is %d, less than %d", i, c.Name, c.Int(ref), c.Min))
					}
				}
			}
			return err
		})
	}
}
