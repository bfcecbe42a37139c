package laws

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// timeless is the law that the rows of a stream are the same whenever, and however
// slowly, it is read: the only clock is the producer's, in the events.
//
// It has a clock of its own, from testing/synctest, that passes years at once. So it
// finds also a projection that looks at the date only.
func timeless[R comparable](t *testing.T) law[R] {
	return func(newProjection maker[R], stream []domain.Entry) (err error) {
		synctest.Test(t, func(*testing.T) {
			defer recovered(&err) // nobody else can, of this goroutine
			now := observe(newProjection()).apply(stream...).outcome()
			time.Sleep(400*24*time.Hour + 7*time.Hour + 11*time.Minute + 13*time.Second)
			later := observe(newProjection())
			for i := range stream {
				time.Sleep(37*time.Minute + 41*time.Second)
				later.apply(stream[i])
			}
			if differs := later.outcome().differs(now); differs != nil {
				err = fmt.Errorf("read a year later: %w", differs)
			}
		})
		return err
	}
}
