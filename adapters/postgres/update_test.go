package postgres

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/projections/store"
)

// The settings of a transaction end with it.
func TestSettings(t *testing.T) {
	ctx := context.Background()
	address := pgtest.Shared(t).NewDatabase(t)
	for _, test := range []struct {
		opts []Option
		want string
	}{{nil, "off"}, {[]Option{Durable()}, "on"}} {
		s, err := Open(ctx, address, test.opts...)
		require.NoError(t, err)
		defer s.Close()
		const settings = `SELECT current_setting('synchronous_commit'), coalesce(current_setting('quire_project.writer', true), '')`
		var commit, writer string
		err = s.Update(ctx, func(t store.Tx) error {
			return t.(*tx).pg.QueryRow(ctx, settings).Scan(&commit, &writer)
		})
		if err != nil || commit != test.want || writer != "store" {
			t.Errorf("in a transaction: %q, %q, %v", commit, writer, err)
		}
		if err := s.pool.QueryRow(ctx, settings).Scan(&commit, &writer); err != nil || commit != "on" || writer != "" {
			t.Errorf("behind it: %q, %q, %v", commit, writer, err)
		}
	}
}
