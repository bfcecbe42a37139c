package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// everything is a row with columns of all types, and a key with all types of keys.
type everything struct {
	Job     string                   `json:"job"`
	Offset  int64                    `json:"offset"`
	Small   int32                    `json:"small"`
	Odd     bool                     `json:"odd"`
	Note    string                   `json:"note"`
	Text    projections.Null[string] `json:"text"`
	Int     projections.Null[int]    `json:"int"`
	Integer projections.Null[int32]  `json:"integer"`
	Bool    projections.Null[bool]   `json:"bool"`
	Bigint  projections.Null[int64]  `json:"bigint"`
	State   projections.State        `json:"state"`
}

var everyJob = projections.Define(projections.Declaration[everything]{
	Name: "added.everything", Version: 3, Key: []string{"job", "offset", "small", "odd"},
	New:     func() projections.Projection[everything] { return everyJobs{} },
	Indexes: []projections.Index{{Name: "offset", Columns: `"offset" DESC, run_id`}, {Name: "odd", Columns: "run_id", Where: "odd"}},
})

type everyJobs struct{}

func (p everyJobs) Reduce(step *projections.Step, rows []projections.Row[everything]) []projections.Row[everything] {
	if step.JobEnds {
		rows = append(rows, projections.Row[everything]{Index: step.Job.Index, Final: true, Value: p.row(step.Job)})
	}
	return rows
}

func (p everyJobs) Open(run *projections.Tracker, rows []projections.Row[everything]) []projections.Row[everything] {
	for job := range run.Jobs() {
		if !job.Final {
			rows = append(rows, projections.Row[everything]{Index: job.Index, Value: p.row(job)})
		}
	}
	return rows
}

func (everyJobs) row(job *projections.TrackedJob) everything {
	return everything{
		Job: job.ID, Offset: job.StartedAtMs, Small: int32(len(job.ID)), Odd: len(job.ID)%2 == 1, Note: job.ID + "\x00\xff",
		Text: projections.Null[string]{V: job.ID, Valid: job.Final}, Integer: job.ExitCode, Bool: projections.Some(job.Final),
	}
}

// oneOfAll has one row for a run.
var oneOfAll = projections.Define(projections.Declaration[struct {
	Events int64 `json:"events"`
}]{
	Name: "single", Version: 1, Single: true,
	New: func() projections.Projection[struct {
		Events int64 `json:"events"`
	}] {
		return &eventCount{}
	},
})

type eventCount struct{}

type eventCountRow = projections.Row[struct {
	Events int64 `json:"events"`
}]

func (*eventCount) Reduce(_ *projections.Step, rows []eventCountRow) []eventCountRow { return rows }

func (*eventCount) Open(run *projections.Tracker, rows []eventCountRow) []eventCountRow {
	row := eventCountRow{}
	row.Value.Events = run.Events
	return append(rows, row)
}

func addedSet(t testing.TB, added ...projections.AnyDefinition) *projections.Set {
	t.Helper()
	set, err := projections.NewSet(added...)
	require.NoError(t, err)
	return set
}

// incompressible returns n bytes that an index cannot compress.
func incompressible(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var s strings.Builder
	for s.Len() < n {
		s.WriteByte(byte('!' + random.IntN(90)))
	}
	return s.String()
}

// texts generates strings of any bytes. Few are too long for an index.
func texts() *rapid.Generator[string] {
	long := incompressible(100_000)
	return rapid.OneOf(
		laws.Text(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"\x00", "\x01", "␀", "\xff", "a", "é"}), 0, 8), func(s []string) string { return strings.Join(s, "") }),
		rapid.SampledFrom([]string{long, long[1:], "\x00" + long, strings.Repeat("\x00", 3000)}),
	)
}

func nulls[T comparable](of *rapid.Generator[T]) *rapid.Generator[projections.Null[T]] {
	return rapid.Custom(func(t *rapid.T) projections.Null[T] {
		if rapid.Bool().Draw(t, "null") {
			return projections.Null[T]{}
		}
		return projections.Some(of.Draw(t, "value"))
	})
}

// values generates rows of a run, without their keys.
func values() *rapid.Generator[everything] {
	return rapid.Custom(func(t *rapid.T) everything {
		return everything{
			Note: texts().Draw(t, "note"), Text: nulls(texts()).Draw(t, "text"), Int: nulls(rapid.Int()).Draw(t, "int"),
			Integer: nulls(rapid.Int32()).Draw(t, "integer"), Bool: nulls(rapid.Bool()).Draw(t, "bool"), Bigint: nulls(rapid.Int64()).Draw(t, "bigint"),
			State: rapid.SampledFrom([]projections.State{projections.Active, projections.Complete, projections.Failed}).Draw(t, "state"),
		}
	})
}

// Rows of your own projection are read as they were inserted, replaced and truncated, in
// any order within a transaction.
func TestRowsOfAnyProjection(t *testing.T) {
	s := open(t, pgtest.Shared(t).NewDatabase(t), postgres.Projections(addedSet(t, everyJob, oneOfAll)))
	try := 0
	rapid.Check(t, func(t *rapid.T) {
		try++
		runs := []domain.RunID{domain.RunID(fmt.Sprint("a", try)), domain.RunID(fmt.Sprint("b\x00", try))}
		model := map[domain.RunID][]projections.Row[everything]{}
		for range rapid.IntRange(1, 3).Draw(t, "transactions") {
			err := s.Update(ctx, func(tx store.Tx) error {
				stored := map[domain.RunID]int{}
				for _, run := range runs {
					stored[run] = len(model[run])
				}
				for range rapid.IntRange(1, 4).Draw(t, "steps") {
					run := rapid.SampledFrom(runs).Draw(t, "run")
					rows := model[run]
					if length := rapid.IntRange(0, 2*len(rows)).Draw(t, "length"); length < len(rows) {
						if err := tx.Truncate(run, everyJob.Definition, length); err != nil {
							return err
						}
						rows, stored[run] = rows[:length], min(stored[run], length)
					}
					var part []projections.Row[everything]
					for i := range stored[run] {
						if rapid.Bool().Draw(t, "replaced") {
							row := values().Draw(t, "row")
							row.Job, row.Offset, row.Small, row.Odd = rows[i].Value.Job, rows[i].Value.Offset, rows[i].Value.Small, rows[i].Value.Odd
							rows[i] = projections.Row[everything]{Index: i, Final: rapid.Bool().Draw(t, "final"), Value: row}
							part = append(part, rows[i])
						}
					}
					before := stored[run]
					stored[run] = 0 // each is replaced at most once
					for range rapid.IntRange(0, 5).Draw(t, "more") {
						row := values().Draw(t, "row")
						row.Job, row.Offset, row.Small, row.Odd = texts().Draw(t, "job"), int64(len(rows)), -1, len(rows)%2 == 1
						rows = append(rows, projections.Row[everything]{Index: len(rows), Final: rapid.Bool().Draw(t, "final"), Value: row})
						part = append(part, rows[len(rows)-1])
					}
					table := store.RowsOf(everyJob, part...)
					table.Stored = before
					if err := tx.Insert(&store.Rows{RunID: run, Continued: true, Tables: []store.TableRows{table}}); err != nil {
						return err
					}
					model[run] = rows
				}
				return nil
			})
			require.NoError(t, err)
		}
		for _, run := range runs {
			want := &store.Rows{RunID: run, Tables: []store.TableRows{store.RowsOf(everyJob, model[run]...)}}
			require.NoError(t, s.View(ctx, run, func(snapshot store.Snapshot) error { return sameRows(snapshot, want) }), "run %q", run)
		}
	})
}

// All indexes can hold the longest ids of runs. Ids of jobs have no limit.
func TestLongestKeys(t *testing.T) {
	s := open(t, pgtest.Shared(t).NewDatabase(t))
	plain := incompressible(512)
	run := []byte(plain)
	for at := range run {
		if at%3 != 0 {
			run[at] = 0
		}
	}
	long := incompressible(3 << 20)
	for _, run := range []domain.RunID{
		domain.RunID(plain), domain.RunID(run), domain.RunID(strings.Repeat("\x00", 512)),
		domain.RunID(strings.Repeat("\x01", 150) + plain[:362]),
	} {
		rows := rowsOf(run)
		rows.Tables[2] = store.RowsOf(projections.Jobs,
			projections.Row[projections.Job]{Index: 0, Value: projections.Job{JobID: long + "a"}}, projections.Row[projections.Job]{Index: 1, Value: projections.Job{JobID: long + "b"}})
		err := s.Update(ctx, func(tx store.Tx) error { return errors.Join(tx.Insert(rows), tx.SetCheckpoint(run, checkpoint)) })
		if err == nil {
			err = s.View(ctx, run, func(snapshot store.Snapshot) error { return sameRows(snapshot, rows) })
		}
		assert.NoError(t, err, "run %.9q", run)
	}
}

// Rows of your own projections are derived like all others, from growing files and from
// segments.
func TestStreamsOfAnyProjection(t *testing.T) {
	s := open(t, pgtest.Shared(t).NewDatabase(t), postgres.Projections(addedSet(t, everyJob, oneOfAll)))
	long := incompressible(100_000)
	var lines [][]byte
	for i, id := range []string{"a", "b\\c", long, long + "b", "\x00", "é\x01"} {
		for _, event := range []string{`"type":"job_started"`, `"type":"sh_started","cmd":"true"`, `"type":"sh_finished","exit_code":3`, `"type":"job_finished","outcome":"failed"`} {
			lines = append(lines, fmt.Appendf(nil, `{"at_ms":%d,%s,"job_id":%s}`+"\n", i, event, quoted(id)))
		}
	}
	folder := t.TempDir()
	streams := jsonl.Streams{Paths: []string{folder}}
	for n := range lines { // each time, the store continues where it stopped
		if n%5 != 0 && n < len(lines)-1 {
			continue
		}
		torn := bytes.Join(lines[:n+1], nil)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "file.jsonl"), torn[:len(torn)-n%2], 0o600))
		_, err := store.IngestAll(ctx, s, streams, store.Options{})
		require.NoError(t, err)
		verified(t, s, streams)
	}
	if summary, err := store.Rebuild(ctx, s, streams, store.Options{Force: true}); err != nil || len(summary.Outdated) > 0 {
		t.Errorf("%+v, %v", summary, err)
	}
	verified(t, s, streams)

	p := store.NewProjector(s, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{})
	offset := int64(0)
	for i, line := range lines {
		segment := domain.Segment{Run: "segments", Offset: offset, Data: line}
		if i == len(lines)-1 {
			tail := domain.Segment{Run: "segments", Offset: offset, Data: line[:len(line)-1], Tail: true}
			require.NoError(t, p.Apply(ctx, tail))
		}
		require.NoError(t, p.Apply(ctx, segment))
		offset += int64(len(line))
	}
	require.NoError(t, p.Close(ctx))
	files, err := store.Read(ctx, s, everyJob, "file")
	segments, also := store.Read(ctx, s, everyJob, "segments")
	if err := errors.Join(err, also); err != nil || len(files) != 6 || !slices.Equal(files, segments) {
		t.Errorf("%d rows of the file, %d of the segments: %v", len(files), len(segments), err)
	}
}

func quoted(id string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x00", `\u0000`, "\x01", `\u0001`).Replace(id) + `"`
}

func verified(t *testing.T, s store.Store, streams jsonl.Streams) {
	t.Helper()
	err := store.Verify(ctx, s, streams, store.VerifyOptions{
		Found: func(d store.Difference) { t.Errorf("%+v", d) },
		Done: func(v store.Verified) {
			if v.Err != nil || v.Behind {
				t.Errorf("%+v", v)
			}
		},
	})
	assert.NoError(t, err)
}
