package sqlite_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// BenchmarkVersions compares deriving rows beside those in use with deriving them into an empty
// store, and says what comparing them costs besides.
func BenchmarkVersions(b *testing.B) {
	folder := b.TempDir()
	require.NoError(b, synth.Shape{Jobs: 35, Sh: 110, AtOnce: 3}.WriteFolder(folder, 500))
	streams := jsonl.Folder(folder)
	derive := func(s *sqlite.Store) error {
		_, err := store.IngestAll(b.Context(), s, streams, store.Options{})
		return err
	}
	for name, work := range map[string]func(*sqlite.Store) error{
		"into an empty store": nil,
		"beside": func(s *sqlite.Store) error {
			_, err := store.Build(b.Context(), s, streams, store.Options{})
			return err
		},
		"compare": func(s *sqlite.Store) error {
			_, _, err := store.CompareVersions(b.Context(), s, streams, store.Options{})
			return err
		},
		// Every run has a row that differs, in a table with other columns.
		"compare what differs": func(s *sqlite.Store) error {
			v, _, err := store.CompareVersions(b.Context(), s, streams, store.Options{})
			require.Equal(b, 500, v.Differing)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				path := filepath.Join(b.TempDir(), "quire.db")
				was, is := with(b, oneRow(1, older{"before"})), with(b, oneRow(2, newer{"after", 1}))
				if name != "compare what differs" {
					was = is
				}
				s, err := sqlite.Open(b.Context(), path, was)
				require.NoError(b, err)
				run := derive
				if work != nil {
					require.NoError(b, derive(s))
					// As for a command: what a program wrote before is not left in the log.
					require.NoError(b, s.Close())
					s, err = sqlite.Open(b.Context(), path, is)
					require.NoError(b, err)
					run = work
				}
				b.StartTimer()
				require.NoError(b, run(s))
				b.StopTimer()
				require.NoError(b, s.Close())
				b.StartTimer()
			}
		})
	}
}

// oneRow is a projection that has the same row of every run.
func oneRow[R comparable](version int, row R) *projections.Defined[R] {
	return projections.Define(projections.Declaration[R]{
		Name: "mine", Version: version, Key: []string{"key"}, New: func() projections.Projection[R] { return sole[R]{Row: row} },
	})
}

type sole[R comparable] struct {
	noRows[R]
	Row R
}

func (s sole[R]) Open(_ *projections.Tracker, rows []projections.Row[R]) []projections.Row[R] {
	return append(rows, projections.Row[R]{Value: s.Row})
}

// BenchmarkSwitch switches to and fro. Its length is not to grow with the number of runs.
func BenchmarkSwitch(b *testing.B) {
	for _, runs := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("%d runs", runs), func(b *testing.B) {
			s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "quire.db"))
			require.NoError(b, err)
			defer s.Close()
			var all []domain.RunID
			for i := range runs {
				all = append(all, domain.RunID(fmt.Sprint("run-", i)))
			}
			for some := range slices.Chunk(all, 1000) {
				require.NoError(b, s.Update(b.Context(), func(tx store.Tx) error {
					if _, err := tx.Lock(some); err != nil {
						return err
					}
					for _, run := range some {
						if err := tx.Clear([]domain.RunID{run}, projections.Builtin.Stored()); err != nil {
							return err
						}
						if err := tx.Insert(aRun(run)); err != nil {
							return err
						}
						if err := tx.SetCheckpoint(run, aCheckpoint); err != nil {
							return err
						}
					}
					return nil
				}))
			}
			_, err = store.Build(b.Context(), s, noSource{}, store.Options{})
			require.NoError(b, err)
			require.NoError(b, store.Switch(b.Context(), s, nil, true))
			for b.Loop() {
				require.NoError(b, store.Rollback(b.Context(), s, true))
			}
		})
	}
}
