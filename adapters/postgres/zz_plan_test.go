package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections/store"
)

func BenchmarkGrow(b *testing.B) {
	rows, n := batches(b, synth.Shape{Seed: 1, Jobs: 20, Sh: 65})
	_ = n
	server := pgtest.New(b, "autovacuum=off")
	s := open(b, server.NewDatabase(b))
	at := time.Now()
	for i := range 1500 {
		err := s.Update(ctx, func(tx store.Tx) error {
			var runs []domain.RunID
			for j := range 20 {
				runs = append(runs, domain.RunID(fmt.Sprintf("run-%d-%d", i, j)))
			}
			if _, err := tx.Lock(runs); err != nil {
				return err
			}
			if err := tx.Clear(runs, store.AllTables); err != nil {
				return err
			}
			if err := tx.Reopen(runs); err != nil {
				return err
			}
			for _, run := range runs {
				r := *rows[0]
				r.RunID = run
				r.Run.V.RunID = run
				if err := tx.Insert(&r); err != nil {
					return err
				}
				if err := tx.SetCheckpoint(run, checkpoint); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		if i%150 == 149 {
			fmt.Println(i, time.Since(at)/150)
			at = time.Now()
		}
	}
}
