package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/projections/store"
)

// pgxCopy is a store whose rows pgx encodes.
func pgxCopy(b *testing.B, url string, batches []*store.Rows) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(ctx)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for i := 0; i < len(batches); i += 4 {
			some := batches[i:min(i+4, len(batches))]
			if err := pgxTables(ctx, tx, some); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func pgxTables(ctx context.Context, tx pgx.Tx, batches []*store.Rows) (err error) {
	for table := range batches[0].Tables {
		of := batches[0].Tables[table].Of
		at, i := 0, 0
		_, failed := tx.CopyFrom(ctx, pgx.Identifier{of.Table}, columnsOf(of), pgx.CopyFromFunc(func() ([]any, error) {
			for at < len(batches) && i == batches[at].Tables[table].Len() {
				at, i = at+1, 0
			}
			if at == len(batches) {
				return nil, nil
			}
			i++
			return valuesOf(of, batches[at].RunID, batches[at].Tables[table].At(i-1)), nil
		}))
		err = errors.Join(err, failed)
	}
	return err
}
