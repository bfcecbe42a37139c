package postgres_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/projections/store"
)

// A program passes its pool to New. The store makes its tables beside those of the
// program.
func ExampleNew() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://ci@db.example.com/ci?search_path=quire")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	s, err := postgres.New(ctx, pool)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	newest, err := s.Runs(ctx, store.Page{Limit: 10})
	if err != nil {
		log.Fatal(err)
	}
	for _, run := range newest {
		fmt.Println(run.RunID, run.State, run.WallMs)
	}
}
