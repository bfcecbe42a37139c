package postgres

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
)

// PostgreSQL keeps the plan of a statement that is prepared, as pgx prepares
// them. A plan that was made while the tables were empty reads them from end to
// end, and a rebuild of many runs soon does little else: with 30,000 runs
// it took forty times as long. So statements are planned each time, which takes some
// microseconds.
const freshPlans = `SET LOCAL plan_cache_mode = force_custom_plan`

// indexPlans is for the statements that write. All of them find their rows by an
// index. Before PostgreSQL has looked at what is in a table, it takes a hundred
// runs for half of it, and would rather read it from end to end. Whatever a plan costs by
// such an estimate, to compile it costs more.
const indexPlans = freshPlans + `; SET LOCAL enable_seqscan = off; SET LOCAL jit = off`

// reader runs queries outside of transactions, with fresh plans.
type reader struct{ db *sql.DB }

var _ sqlread.Querier = reader{}

// QueryContext runs a query that is not prepared; what its columns are is
// remembered all the same.
func (r reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.db.QueryContext(ctx, query, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}
