package storetest

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Migrated checks a program whose store a newer program migrates meanwhile: it writes nothing more,
// and says why. open returns a new store; migrate gives a table another name, unless that is "", and
// the tables a newer version; content returns everything that is in the database.
func Migrated(t *testing.T, open func(t *testing.T) (s store.Versioned, migrate func(table string), content func() string)) {
	for _, table := range []string{"", "checkpoints", "parked_segments", "quire_project_store", "quire_project_generations"} {
		t.Run("renamed "+table, func(t *testing.T) {
			s, migrate, content := open(t)
			ctx, stream := t.Context(), longStream(1)
			p := store.NewProjector(s, skipping(), hasty)
			defer p.Close(ctx)
			half := wholeLines(stream[:len(stream)/2])
			early := segmentOf("early", stream, half, len(stream), false)
			_, err := store.Ingest(ctx, s, record("a", stream), store.Options{})
			require.NoError(t, errors.Join(err, p.Apply(ctx, early)))

			migrate(table)
			before := content()
			early.Run = "late"
			for name, err := range map[string]error{
				"a stream":  second(store.Ingest(ctx, s, record("b", stream), store.Options{})),
				"a segment": p.Apply(ctx, segmentOf("c", stream, 0, len(stream), false)),
				"a gap":     p.Apply(ctx, early),
				"the gap":   p.Apply(ctx, segmentOf("early", stream, 0, half, false)),
				"a drop":    p.Drop(ctx, "early"),
				"rows":      second(s.Next(ctx)),
				"a lock":    s.Update(ctx, func(tx store.Tx) error { return second(tx.Lock([]domain.RunID{"a"})) }),
			} {
				assert.ErrorIs(t, err, store.ErrNewerSchema, name)
				assert.False(t, errors.As(err, new(*store.RefusedError)), "%s: %v", name, err)
			}
			assert.Equal(t, before, content(), "something was written")

			failed := 0
			for _, err := range []error{
				second(s.Runs(ctx, store.Page{})), second(s.Checkpoints(ctx, []domain.RunID{"a"})), second(s.Waiting(ctx)), second(s.Versions(ctx)),
				second(s.Generations(ctx)), second(s.ID(ctx)),
				s.View(ctx, "a", func(snapshot store.Snapshot) error { _, _, err := snapshot.Checkpoint(); return err }),
			} {
				if err != nil {
					failed++
					assert.ErrorIs(t, err, store.ErrNewerSchema)
				}
			}
			assert.Equal(t, table != "", failed > 0, "%d reads have failed", failed)
		})
	}
}

// namesOfBefore is the last version of the tables with the names of before.
const namesOfBefore = 6

// Earlier checks that a store of each earlier version of the tables keeps its checkpoints, also those
// of rows beside the live ones, and its parked segments and quarantines. open returns a new database,
// and what opens the store in it. The migrations are in the folder of that name.
func Earlier(t *testing.T, dialect goose.Dialect, open func(t *testing.T) (*sql.DB, func() store.Versioned)) {
	for version := range namesOfBefore {
		version++
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			ctx := t.Context()
			db, s := open(t)
			migrations, err := fs.Sub(os.DirFS("."), "migrations")
			require.NoError(t, err)
			provider, err := goose.NewProvider(dialect, db, migrations, goose.WithTableName("quire_project_schema"), goose.WithDisableGlobalRegistry(true))
			require.NoError(t, err)
			_, err = provider.UpTo(ctx, int64(version))
			require.NoError(t, err)
			exec := func(since int, statement string, args ...any) {
				if version >= since {
					_, err := db.ExecContext(ctx, statement, args...)
					require.NoError(t, err)
				}
			}
			more, value := "reducers", "1"
			if version >= 4 {
				more, value = "projections", "''"
			}
			exec(1, `INSERT INTO checkpoints (run_id, bytes, lines, events, sha256, end_bytes, end_lines, end_sha256, reading, source, updated_at, `+more+`)
VALUES ('a', 1, 2, 3, '', 4, 5, '', 'the options', 'the source', '2026-11-28T15:00:00Z', `+value+`)`)
			codes := map[string]store.QuarantineCode{"malformed": store.MalformedSegment, "missing": store.MissingSegment, "other_stream": store.OtherStream, "cannot_go_on": store.NotResumable, "refused": store.RefusedRun}
			for code := range codes {
				exec(2, `INSERT INTO quarantined_runs (run_id, code, reason, "offset", quarantined_at_ms) VALUES ($1, $1, 'a reason', 1, 2)`, code)
				exec(2, `INSERT INTO held_segments (run_id, "offset", bytes, tail, sha256, held_at_ms, data) VALUES ($1, 7, 4, false, '', 8, $2)`, code, []byte("data"))
			}
			exec(5, `INSERT INTO quire_project_generations (generation, state) VALUES (2, 'previous')`)
			exec(5, `CREATE TABLE quire_project_g2_checkpoints AS SELECT * FROM checkpoints`)

			upgraded := s()
			want := store.Checkpoint{Mark: domain.Mark{Bytes: 1, Lines: 2}, Events: 3, End: domain.Mark{Bytes: 4, Lines: 5}, ReadOptions: "the options", Source: "the source"}
			same := func(s store.Store) {
				found, err := s.Checkpoints(ctx, []domain.RunID{"a"})
				require.NoError(t, err)
				got := found["a"]
				got.Projections = ""
				assert.Equal(t, want, got)
			}
			same(upgraded)
			if version >= 5 {
				previous, err := upgraded.Beside(ctx, 2)
				require.NoError(t, err)
				same(previous)
			}
			waiting, err := upgraded.Waiting(ctx)
			require.NoError(t, err)
			for _, w := range waiting {
				parked, ok, err := upgraded.Parked(ctx, w.Run, 8)
				assert.NoError(t, err)
				assert.True(t, ok && string(parked.Data) == "data" && w.Quarantine.Code == codes[string(w.Run)], "%+v %+v", parked, w.Quarantine)
			}
			assert.Equal(t, version >= 2, len(waiting) == len(codes), "%+v", waiting)
		})
	}
}

func second[T any](_ T, err error) error { return err }
