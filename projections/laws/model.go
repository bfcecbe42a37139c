package laws

import (
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// asModel is the law that [Model] tells of.
func asModel[R comparable](model func([]domain.Entry) []R) law[R] {
	return func(newProjection maker[R], stream []domain.Entry) error {
		rows := observe(newProjection()).apply(stream...).outcome().rows()
		want := model(slices.Clone(stream))
		for i := range min(len(rows), len(want)) {
			if rows[i].Value != want[i] {
				return fmt.Errorf("row %d is %+v, the model says %+v", i, rows[i].Value, want[i])
			}
		}
		if len(rows) != len(want) {
			return fmt.Errorf("%d rows, the model says %d: %+v", len(rows), len(want), want)
		}
		return nil
	}
}
