//go:build unix

package faults

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections/store"
)

// Two programs, or three, take in the same stream while it grows, and each of
// them another one. The first ones make the tables, too.
func TestIngestByPrograms(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		db, folder := fresh(), t.TempDir()
		shared, data := newStream(folder, "shared"), synthetic(t, large(0))
		for round := range times(8) {
			from := len(data) * round / 8
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
				shared.grow(t, data[:from+len(data)*(piece+1)/160])
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

// Two programs, or three, rebuild the same folder, one of them by force.
func TestRebuildByPrograms(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		rnd, db, f := random(t), fresh(), newFolder(t, 120)
		for round := range times(5) {
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

// Goroutines that have one store, or several of the same database, take in
// streams that grow, the same ones and others, and rebuild all of them.
func TestGoroutinesAtOnce(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		for _, stores := range []int{1, 2} {
			t.Run(fmt.Sprint(stores), func(t *testing.T) {
				db, folder := fresh(), t.TempDir()
				shared := newStream(folder, "shared")
				data := synthetic(t, synth.Shape{Jobs: 500, Sh: 1600, AtOnce: 9})
				shared.grow(t, data[:len(data)/20])
				run(t, shared.path, "--to", db.address).succeeds(t)
				var opened []opened
				for range stores {
					opened = append(opened, db.open(t))
				}
				var works []func() error
				for i := range 4 {
					s, own := opened[i%stores], newStream(folder, fmt.Sprintf("own-%d", i))
					own.becomes(t, newVersion(own.run, data[:len(data)*(1+i)/20]))
					works = append(works, func() error { return takeIn(t.Context(), s, shared, own) })
				}
				works = append(works, func() error {
					_, err := store.Rebuild(t.Context(), opened[0], folderAt(folder), store.Options{Force: true})
					return err
				})
				ended := make(chan error, 1)
				go func() { ended <- together(works) }()
				for piece := range 20 {
					shared.grow(t, data[:len(data)*(piece+1)/20])
					time.Sleep(5 * time.Millisecond)
				}
				require.NoError(t, <-ended)
				require.NoError(t, takeIn(t.Context(), opened[0], shared))
				verified(t, folder, db)
			})
		}
	})
}

// takeIn ingests streams, again and again.
func takeIn(ctx context.Context, s store.Store, streams ...*stream) error {
	for range 5 {
		for _, stream := range streams {
			if _, err := store.Ingest(ctx, s, stream.recording(), store.Options{}); err != nil {
				return fmt.Errorf("ingest %s: %w", stream.run, err)
			}
		}
	}
	return nil
}

// together does everything at once.
func together(works []func() error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(works))
	for i, work := range works {
		wg.Go(func() { errs[i] = work() })
	}
	wg.Wait()
	return errors.Join(errs...)
}
