package laws

import (
	"fmt"

	"github.com/quire-ci/quire-project/domain"
)

// indexed is the law that, wherever a stream ends, the indexes of the final
// rows and of the open ones together are those from 0 up, each once; and that
// open rows are listed in order of their index.
func indexed[R comparable](newProjection maker[R], stream []domain.Entry) error {
	return atEachCut(newProjection, stream, countsUp)
}

func countsUp[R comparable](o outcome[R]) error {
	for i := 1; i < len(o.open); i++ {
		if o.open[i].Index < o.open[i-1].Index {
			return fmt.Errorf("open rows are not in order of their index: %+v before %+v", o.open[i-1], o.open[i])
		}
	}
	for i, row := range o.rows() {
		if row.Index != i {
			return fmt.Errorf("rows do not count from 0 up: where %d was due there is %+v", i, row)
		}
	}
	return nil
}
