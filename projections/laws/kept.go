package laws

import (
	"fmt"

	"github.com/quire-ci/quire-project/domain"
)

// kept is the law that a row that was there is there for good: a longer stream has no fewer
// rows. A store replaces rows by later versions, and takes none away.
func kept[R comparable](newProjection maker[R], stream []domain.Entry) error {
	before := 0
	return atEachCut(newProjection, stream, func(o outcome[R]) error {
		rows := len(o.final) + len(o.open)
		if rows < before {
			return fmt.Errorf("there are %d rows, and there were %d before", rows, before)
		}
		before = rows
		return nil
	})
}
