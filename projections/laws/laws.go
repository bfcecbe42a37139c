package laws

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// maker returns a fresh projection, one that has read nothing.
type maker[R comparable] = func() projections.Projection[R]

// law says what is wrong with the projection on one stream, if anything is.
type law[R comparable] func(newProjection maker[R], stream []domain.Entry) error

// Check holds a projection to the laws that all projections obey, each in a
// subtest. newProjection returns a fresh projection at each call.
func Check[R comparable](t *testing.T, newProjection func() projections.Projection[R]) {
	t.Helper()
	t.Run("total", func(t *testing.T) { Total(t, newProjection) })
	t.Run("deterministic", func(t *testing.T) { Deterministic(t, newProjection) })
	t.Run("prefixes", func(t *testing.T) { Prefixes(t, newProjection) })
	t.Run("final once", func(t *testing.T) { FinalOnce(t, newProjection) })
	t.Run("open pure", func(t *testing.T) { OpenPure(t, newProjection) })
	t.Run("local", func(t *testing.T) { Local(t, newProjection) })
	t.Run("indexed", func(t *testing.T) { Indexed(t, newProjection) })
	t.Run("resumable", func(t *testing.T) { Resumable(t, newProjection) })
}

// Hold returns an error if the projection breaks one of the laws of [Check] on
// the given stream. It is for streams that were recorded, and fuzz targets.
func Hold[R comparable](newProjection func() projections.Projection[R], stream []domain.Entry) error {
	// The others take it that the projection is total.
	for _, law := range []law[R]{total[R], deterministic[R], prefixes[R], finalOnce[R], openPure[R], local[R], indexed[R], resumable[R]} {
		if err := law(newProjection, stream); err != nil {
			return err
		}
	}
	return nil
}

// check looks for a stream on which the projection breaks the law.
func check[R comparable](t *testing.T, streams *rapid.Generator[[]domain.Entry], newProjection maker[R], law law[R]) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		stream := streams.Draw(t, "stream")
		if err := law(newProjection, stream); err != nil {
			t.Fatal(err)
		}
	})
}

// after says at which point of the stream something was found.
func after(entries int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("after %d entries: %w", entries, err)
}
