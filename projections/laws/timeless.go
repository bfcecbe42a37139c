package laws

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// timeless is the law that the rows of a stream do not depend on when, or how slowly, it is read:
// the only clock is the producer's, in the events.
//
// The law uses the fake clock of testing/synctest, which can pass years at once. So it also finds a
// projection that uses only the date.
func timeless[R comparable](t *testing.T) law[R] {
	return func(newProjection maker[R], stream []domain.Entry) (err error) {
		synctest.Test(t, func(*testing.T) {
			defer recovered(&err) // only this goroutine can recover its panics
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
