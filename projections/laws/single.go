package laws

import (
	"fmt"

	"github.com/quire-ci/quire-project/domain"
)

// single is the law that a projection that says so has exactly one row, wherever a stream
// ends, and before its first entry as well; and that it is never final.
func single[R comparable](newProjection maker[R], stream []domain.Entry) error {
	return atEachCut(newProjection, stream, func(o outcome[R]) error {
		if len(o.final) > 0 || len(o.open) != 1 || o.open[0].Index != 0 {
			return fmt.Errorf("there is not one open row with index 0, but final %+v and open %+v", o.final, o.open)
		}
		return nil
	})
}
