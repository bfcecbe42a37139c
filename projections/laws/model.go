package laws

import (
	"fmt"
	"slices"
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Model is the law that the rows of a projection, in order of their index,
// are those that model makes of the whole stream. A model is worth what it
// does not share with the projection: let it be slow, look at the whole
// stream as often as it likes, and read like the rule that it stands for.
func Model[R comparable](t *testing.T, newProjection func() projections.Projection[R], model func([]domain.Entry) []R) {
	t.Helper()
	check(t, Streams(), newProjection, func(newProjection maker[R], stream []domain.Entry) error {
		return asModel(newProjection, model, stream)
	})
}

func asModel[R comparable](newProjection maker[R], model func([]domain.Entry) []R, stream []domain.Entry) error {
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
