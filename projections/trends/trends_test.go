package trends_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
	"github.com/quire-ci/quire-project/projections/trends"
)

type stream struct{ entries []domain.Entry }

func (s *stream) Next() ([]domain.Entry, error) {
	entries := s.entries
	s.entries = nil
	if len(entries) == 0 {
		return nil, io.EOF
	}
	return entries, nil
}

// records draws runs. Few jobs and texts make commands of different runs the same.
func records(t *rapid.T) (all []*projections.Record) {
	for i := range rapid.IntRange(0, 12).Draw(t, "runs") {
		events := laws.Events().Draw(t, "events")
		for i := range events {
			if events[i].HasJob {
				events[i].JobID = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "job")
			}
			if events[i].Kind == domain.ShStarted {
				events[i].Cmd = rapid.SampledFrom([]string{"x", "w 12345", "w 123456"}).Draw(t, "cmd")
			}
		}
		r, err := projections.Project(domain.RunID(fmt.Sprint(i)), &stream{laws.Entries(events)})
		require.NoError(t, err)
		r.Run.Ended = r.Run.Ended || rapid.Bool().Draw(t, "ended")
		r.Labels = nil
		if sha := rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "sha"); sha != "" {
			r.Labels = []projections.Label{{Key: "sha", Value: sha}}
		}
		if pipeline := rapid.SampledFrom([]string{"", "ci"}).Draw(t, "pipeline"); pipeline != "" {
			r.Labels = append(r.Labels, projections.Label{Key: "pipeline", Value: pipeline})
		}
		all = append(all, r)
	}
	return all
}

func lastLine(_ *projections.Record, job string, seq int) string {
	return fmt.Sprint(job, " 12345 ", seq%2)
}

func of(all []*projections.Record, most int) *trends.Trends {
	latest := trends.Latest(most)
	for _, r := range all {
		latest.Add(r, lastLine)
	}
	return latest.Trends()
}

// Trends use the latest runs. The order of adding runs does not matter, nor does adding one twice.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := records(t)
		other := append(rapid.Permutation(all).Draw(t, "order"), all[:len(all)/2]...)
		most := rapid.IntRange(1, 14).Draw(t, "most")
		require.Equal(t, of(all, most), of(other, most))
		slices.SortFunc(all, func(a, b *projections.Record) int {
			if x, y := a.Timings.Run.StartedAtMs, b.Timings.Run.StartedAtMs; x != y {
				if x.Valid != y.Valid {
					return map[bool]int{false: -1, true: 1}[x.Valid]
				}
				return map[bool]int{false: -1, true: 1}[x.V > y.V]
			}
			return strings.Compare(string(a.Run.RunID), string(b.Run.RunID))
		})
		require.Equal(t, of(all[max(0, len(all)-most):], most), of(all, most))
	})
}

func fit(r *projections.Record) bool {
	return r.Run.Ended && !slices.ContainsFunc(r.Diagnostics, func(d projections.Diagnostic) bool { return d.Code == projections.ClockBackwards })
}

// is reports whether a run belongs to a pipeline.
func is(r *projections.Record, of trends.Pipeline) bool {
	return compare.Label(r, "repo") == of.Repo && compare.Label(r, "pipeline") == of.Name
}

func failedJob(r *projections.Record, id string) bool {
	return slices.ContainsFunc(r.Jobs, func(j projections.Job) bool { return j.JobID == id && j.State == projections.Failed })
}

// The numbers of a command agree with a count over all rows.
func TestCommandsAreCounted(t *testing.T) {
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		all := records(t)
		got, ended := of(all, 100), 0
		for _, command := range got.Commands {
			var count, failed int
			var durations []int64
			for _, r := range all {
				for _, sh := range r.ShEvents {
					if !fit(r) || !is(r, command.Pipeline) || !sh.ExitCode.Valid || sh.JobID != command.JobID || compare.Normal(sh.Cmd) != command.Cmd {
						continue
					}
					count++
					if sh.ExitCode.V != 0 && failedJob(r, sh.JobID) {
						failed++
					} else if ms := projections.Span(sh.StartedAtMs, sh.FinishedAtMs.V); ms.Valid {
						durations = append(durations, ms.V)
					}
				}
			}
			ended += count
			require.Equal(t, []int{count, failed}, []int{command.Count, command.Failed})
			require.InDelta(t, float64(failed)/float64(count), command.FailureRate, 1e-9)
			require.Equal(t, len(durations) > 0, command.MedianMs.Valid)
			for share, ms := range map[int]projections.Null[int64]{50: command.MedianMs, 95: command.P95Ms} {
				below, upTo := 0, 0
				for _, d := range durations {
					if d < ms.V {
						below++
					}
					if d <= ms.V {
						upTo++
					}
				}
				require.True(t, len(durations) == 0 || 100*below < share*len(durations) && 100*upTo >= share*len(durations), "%d %%", share)
			}
		}
		for _, r := range all {
			for _, sh := range r.ShEvents {
				if fit(r) && sh.ExitCode.Valid {
					ended--
				}
			}
		}
		require.Zero(t, ended, "commands are missing")
		seen += len(got.Commands)
	})
	assert.Positive(t, seen, "commands")
}

// Each failed command is in one group, each failed job is in at least one, and the ends of jobs are counted.
func TestFailuresAndJobsAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := records(t)
		got := of(all, 100)
		groups, commands, without := 0, 0, 0
		for _, f := range got.Failures {
			groups += f.Count
		}
		type key struct {
			pipeline trends.Pipeline
			job, sha string
		}
		failed, complete := map[key]int{}, map[key]int{}
		for _, r := range all {
			if !fit(r) {
				continue
			}
			pipeline, sha := trends.Pipeline{Name: compare.Label(r, "pipeline")}, compare.Label(r, "sha")
			for _, job := range r.Jobs {
				of := 0
				for _, sh := range r.ShEvents {
					if job.State == projections.Failed && sh.JobID == job.JobID && sh.ExitCode.Valid && sh.ExitCode.V != 0 {
						of++
					}
				}
				commands += of
				switch job.State {
				case projections.Failed:
					failed[key{pipeline, job.JobID, sha}]++
					if of == 0 {
						without++
					}
				case projections.Complete:
					complete[key{pipeline, job.JobID, sha}]++
				}
			}
		}
		require.Equal(t, commands+without, groups)
		for _, job := range got.Jobs {
			count, bad, shas, stability := 0, 0, []string{}, trends.Stable
			for _, sha := range []string{"", "1", "2"} {
				k := key{job.Pipeline, job.JobID, sha}
				count, bad = count+failed[k]+complete[k], bad+failed[k]
				if failed[k] > 0 && complete[k] > 0 {
					if stability = trends.Flaky; sha == "" {
						stability = trends.Unclear
					} else {
						shas = append(shas, sha)
					}
				}
			}
			require.Equal(t, []any{count, bad, stability, shas}, []any{job.Count, job.Failed, job.Stability, job.FlakyShas})
		}
	})
}

// run is a run with a job of one command.
func run(i int, ms int64, code int32, sha string) *projections.Record {
	at, outcome := int64(i)*1_000_000, domain.Complete
	if code != 0 {
		outcome = domain.Failed
	}
	events := []domain.Event{
		domain.NewJobStarted(at, "build"), domain.NewShStarted(at, "build", fmt.Sprintf("make /tmp/%d", i)), domain.NewShFinished(at+ms, "build", code),
		domain.NewJobFinished(at+ms, "build", outcome), domain.NewRunFinished(at+ms, outcome),
	}
	r, err := projections.Project(domain.RunID(fmt.Sprintf("run-%02d", i)), &stream{laws.Entries(events)})
	if err != nil {
		panic(err)
	}
	if sha != "" {
		r.Labels = []projections.Label{{Key: "sha", Value: sha}}
	}
	return r
}

// A history with a slowdown, a flaky job and a failure that comes twice.
func TestExample(t *testing.T) {
	latest := trends.Latest(50)
	for i := range 40 {
		ms, code := int64(10_000+i%3), int32(0)
		if i >= 25 {
			ms += 5_000
		}
		if i == 7 || i == 30 {
			ms, code = 100, 2
		}
		latest.Add(run(i, ms, code, fmt.Sprint("sha", i/2)), func(r *projections.Record, _ string, _ int) string {
			return "no space on device " + strings.TrimPrefix(string(r.Run.RunID), "run-") + "0000"
		})
	}
	unended := run(40, 99_000, 1, "")
	unended.Run.Ended = false
	latest.Add(unended, nil)
	series := trends.Series{
		Count: 40, Failed: 2, FailureRate: 0.05, MedianMs: projections.Some[int64](10_002), P95Ms: projections.Some[int64](15_002),
		Changes: []trends.Change{{RunID: "run-25", StartedAtMs: projections.Some[int64](25_000_000), BeforeMs: 10_001, AfterMs: 15_001, DeltaMs: 5000}},
	}
	for i := range 40 {
		point := trends.Point{RunID: domain.RunID(fmt.Sprintf("run-%02d", i)), StartedAtMs: projections.Some(int64(i) * 1_000_000), Ms: projections.Some(int64(10_000 + i%3 + i/25*5_000))}
		if i == 7 || i == 30 {
			point.Ms, point.Failed = projections.Null[int64]{}, true
		}
		series.Points = append(series.Points, point)
	}
	assert.Equal(t, &trends.Trends{
		Runs: 40, LeftOut: []trends.LeftOut{{RunID: "run-40", Reason: "it has no run_finished"}},
		Commands: []trends.Command{{JobID: "build", Cmd: "make #", Series: series}},
		Jobs:     []trends.Job{{JobID: "build", Series: series, Stability: trends.Flaky, FlakyShas: []string{"sha15", "sha3"}}},
		Failures: []trends.Failure{{JobID: "build", Cmd: "make #", ExitCode: projections.Some[int32](2), LastLine: "no space on device #", Count: 2, FirstRun: "run-07", LastRun: "run-30"}},
	}, latest.Trends())
}

// The latest runs of a store are those of its first page.
func TestStored(t *testing.T) {
	s := memory.New()
	latest := trends.Latest(10)
	for i := range 30 {
		r := run(i, 10, 0, "")
		latest.Add(r, nil)
		require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
			runs := []domain.RunID{r.Run.RunID}
			_, err := tx.Lock(runs)
			require.NoError(t, err)
			require.NoError(t, tx.Clear(runs, s.Projections().Stored()))
			require.NoError(t, tx.SetCheckpoint(r.Run.RunID, store.Checkpoint{}))
			return tx.Insert(&store.Rows{RunID: r.Run.RunID, Tables: []store.TableRows{
				store.RowsOf(projections.RunTable, projections.Row[projections.RunRow]{Value: projections.RunRow{Run: r.Run, RunTiming: r.Timings.Run}}),
				store.RowsOf(projections.Jobs, projections.Row[projections.Job]{Final: true, Value: r.Jobs[0]}),
				store.RowsOf(projections.ShEvents, projections.Row[projections.ShEvent]{Final: true, Value: r.ShEvents[0]}),
			}})
		}))
	}
	got, err := trends.Stored(t.Context(), s, store.Selection{Last: 10}, nil)
	require.NoError(t, err)
	assert.Equal(t, latest.Trends(), got)
	assert.Equal(t, 10, got.Commands[0].Count)
}
