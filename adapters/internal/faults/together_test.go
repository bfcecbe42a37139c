//go:build unix

package faults

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// Two or three programs ingest the same stream while it grows, and as many ingest others. The first
// ones also make the tables.
func TestIngestByPrograms(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		db, folder, rounds := fresh(), t.TempDir(), times(4)
		shared, data := newStream(folder, "shared"), synthetic(t, large(0))
		for round := range rounds {
			from := len(data) * round / rounds
			shared.grow(t, data[:from+100])
			var commands []*command
			for i := range 2 + round%2 {
				own := newStream(folder, fmt.Sprintf("own-%d", i))
				own.grow(t, data[:(from+i)/8])
				commands = append(commands,
					start(t, shared.path, "--to", db.address),
					start(t, own.path, "--to", db.address))
			}
			for piece := range 20 {
				shared.grow(t, data[:from+len(data)*(piece+1)/(20*rounds)])
				time.Sleep(2 * time.Millisecond)
			}
			for _, c := range commands {
				c.wait(t).succeeds(t)
			}
		}
		run(t, shared.path, "--to", db.address).succeeds(t)
		verified(t, folder, db)
	})
}

// Two or three programs rebuild the same folder, one of them by force.
func TestRebuildByPrograms(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		rnd, db, f := random(t), fresh(), newFolder(t, 60)
		for round := range times(2) {
			args := []string{"rebuild", f.path, "--to", db.address}
			commands := []*command{start(t, append(args, "--force")...)}
			for range 1 + round%2 {
				commands = append(commands, start(t, args...))
			}
			for _, c := range commands {
				c.wait(t).succeeds(t)
			}
			verified(t, f.path, db)
			f.change(t, rnd)
		}
	})
}

// together does all works at once.
func together(works []func() error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(works))
	for i, work := range works {
		wg.Go(func() { errs[i] = work() })
	}
	wg.Wait()
	return errors.Join(errs...)
}
