package shell_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// plannedJob is a job with a generated body.
type plannedJob struct {
	id     string
	needs  []string
	steps  []plannedStep
	ending string // what the body does after its steps
}

type plannedStep struct {
	cmd      string
	code     int32
	must     bool // Run, not Try
	tolerant bool // whose failure does not end the body
}

// commands are cheap commands with their exit codes.
var commands = map[string]int32{
	":": 0, "exit 0": 0, "exit 1": 1, "exit 3": 3, "exit 255": 255, "exit 256": 0,
	"kill -9 $$": 137, "kill -TERM $$": 143, "no-such-command-anywhere": 127, "/": 126,
}

var errBody = errors.New("the body gives up")

func plannedStepOf() *rapid.Generator[plannedStep] {
	var all []string
	for cmd := range commands {
		all = append(all, cmd)
	}
	slices.Sort(all)
	succeeding := rapid.SampledFrom([]string{":", "exit 0"})
	return rapid.Custom(func(t *rapid.T) plannedStep {
		cmd := rapid.OneOf(succeeding, succeeding, rapid.SampledFrom(all)).Draw(t, "cmd")
		return plannedStep{cmd, commands[cmd], rapid.Bool().Draw(t, "must"), rapid.Bool().Draw(t, "tolerant")}
	})
}

// plannedJobs generates jobs without cycles, in any order.
func plannedJobs() *rapid.Generator[[]plannedJob] {
	return rapid.Custom(func(t *rapid.T) []plannedJob {
		n := rapid.IntRange(0, 5).Draw(t, "jobs")
		jobs := make([]plannedJob, n)
		for i := range jobs {
			j := plannedJob{
				id:     fmt.Sprintf("job %d ✓", i),
				steps:  rapid.SliceOfN(plannedStepOf(), 0, 4).Draw(t, "steps"),
				ending: rapid.SampledFrom([]string{"", "", "", "", "", "error", "panic", "panic nil", "goexit"}).Draw(t, "ending"),
			}
			for need := range i {
				if rapid.IntRange(0, 2).Draw(t, "needs") == 0 {
					j.needs = append(j.needs, jobs[need].id)
				}
			}
			jobs[i] = j
		}
		return rapid.Permutation(jobs).Draw(t, "order")
	})
}

// body runs the planned steps, and checks their results.
func (j plannedJob) body(t *rapid.T) body {
	return func(ctx context.Context, sh *shell.Shell) error {
		for i, step := range j.steps {
			code, err := step.take(ctx, sh)
			assert.Equal(t, step.code, code, "%s: step %d, %q", j.id, i, step.cmd)
			assert.NoError(t, err, "%s: step %d, %q", j.id, i, step.cmd)
			if step.code != 0 && !step.tolerant {
				return errBody
			}
		}
		switch j.ending {
		case "error":
			return errBody
		case "panic":
			panic(errBody)
		case "panic nil":
			panic(nil)
		case "goexit":
			runtime.Goexit()
		}
		return nil
	}
}

func (s plannedStep) take(ctx context.Context, sh *shell.Shell) (int32, error) {
	if !s.must {
		exit, err := sh.Try(ctx, s.cmd)
		return exit.Code, err
	}
	err := sh.Run(ctx, s.cmd)
	if failed := (*shell.ExitError)(nil); errors.As(err, &failed) {
		return failed.Code, nil
	}
	return 0, err
}

// expected returns the stream of planned jobs, without its times, and the outcome of each
// job that runs.
func expected(jobs []plannedJob) (events []domain.Event, outcomes []domain.Outcome) {
	done := []string{}
	run := domain.Complete
	for len(done) < len(jobs) && run == domain.Complete {
		next := jobs[slices.IndexFunc(jobs, func(j plannedJob) bool {
			return !slices.Contains(done, j.id) && !slices.ContainsFunc(j.needs, func(need string) bool { return !slices.Contains(done, need) })
		})]
		events = append(events, domain.NewJobStarted(0, next.id))
		outcome := domain.Complete
		if next.ending != "" {
			outcome = domain.Failed
		}
		for _, step := range next.steps {
			events = append(events, domain.NewShStarted(0, next.id, step.cmd), domain.NewShFinished(0, next.id, step.code))
			if step.code != 0 && !step.tolerant {
				outcome = domain.Failed
				break
			}
		}
		events = append(events, domain.NewJobFinished(0, next.id, outcome))
		outcomes = append(outcomes, outcome)
		done = append(done, next.id)
		run = outcome
	}
	return append(events, domain.NewRunFinished(0, run)), outcomes
}

// The stream records exactly what happened, in order and without diagnostics: job by job,
// in the order of their needs, up to the first one that fails.
func TestTheStreamIsWhatHappened(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		plan := plannedJobs().Draw(t, "plan")
		var jobs []shell.Job
		for _, j := range plan {
			jobs = append(jobs, shell.Job{ID: j.id, Needs: j.needs, Run: j.body(t)})
		}
		clock := rapid.SampledFrom([]time.Duration{0, 300 * time.Microsecond, time.Second}).Draw(t, "clock")
		r := runIn(t, fresh(t, folder), context.Background(), pipeline(t, jobs...), shell.Options{Clock: ticking(clock)})

		want, outcomes := expected(plan)
		require.True(t, slices.Equal(timeless(r.events), want), "got  %+v\nwant %+v", r.events, want)
		checkResult(t, r, want[len(want)-1].Outcome, outcomes)
		checkRows(t, r, want)
	})
}

func fresh(t rapid.TB, folder string) string {
	folder, err := os.MkdirTemp(folder, "run")
	require.NoError(t, err)
	return folder
}

func timeless(events []domain.Event) []domain.Event {
	events = slices.Clone(events)
	for i := range events {
		events[i].AtMs = 0
	}
	return events
}

// checkResult checks the result of Run.
func checkResult(t *rapid.T, r recorded, outcome domain.Outcome, jobs []domain.Outcome) {
	require.Equal(t, outcome, r.result.Outcome)
	require.Len(t, r.result.Jobs, len(jobs))
	for i, job := range r.result.Jobs {
		require.Equal(t, jobs[i], job.Outcome, "job %d", i)
		require.Equal(t, (jobs[i] == domain.Complete), (job.Err == nil), "job %d", i)
	}
	if outcome == domain.Complete {
		require.NoError(t, r.err)
		return
	}
	last := r.result.Jobs[len(jobs)-1]
	if failed := asError[*shell.FailedError](t, r.err); failed.JobID != last.ID || failed.Err != last.Err {
		t.Fatalf("got %+v, want %+v", failed, last)
	}
}

// checkRows checks the rows of the stream.
func checkRows(t *rapid.T, r recorded, events []domain.Event) {
	last := events[len(events)-1]
	wantState := map[domain.Outcome]projections.State{domain.Complete: projections.Complete, domain.Failed: projections.Failed}
	if run := r.record.Run; run.State != wantState[last.Outcome] || !run.Ended || run.OpenSh != 0 {
		t.Fatalf("%+v", run)
	}
	var jobs []projections.Job
	var commands []projections.ShEvent
	for _, e := range events {
		switch e.Kind {
		case domain.JobStarted:
			jobs = append(jobs, projections.Job{JobID: e.JobID})
		case domain.JobFinished:
			jobs[len(jobs)-1].State = wantState[e.Outcome]
		case domain.ShStarted:
			seq := 1
			if n := len(commands); n > 0 && commands[n-1].JobID == e.JobID {
				seq = commands[n-1].Seq + 1
			}
			commands = append(commands, projections.ShEvent{JobID: e.JobID, Seq: seq, Cmd: e.Cmd})
		case domain.ShFinished:
			commands[len(commands)-1].ExitCode = projections.Some(e.ExitCode)
			jobs[len(jobs)-1].ExitCode = projections.Some(e.ExitCode)
		}
	}
	for i, row := range r.record.Jobs {
		row.StartedAtMs, row.FinishedAtMs = projections.Null[int64]{}, projections.Null[int64]{}
		require.Less(t, i, len(jobs), "job row")
		require.Equal(t, jobs[i], row, "job row")
	}
	for i, row := range r.record.ShEvents {
		row.StartedAtMs, row.FinishedAtMs = 0, projections.Null[int64]{}
		require.Less(t, i, len(commands), "sh row")
		require.Equal(t, commands[i], row, "sh row")
		_, err := os.Stat(filepath.Join(r.logs, "jobs", row.JobID, fmt.Sprintf("sh-%d.log", row.Seq)))
		require.NoError(t, err)
	}
	require.Len(t, r.record.Jobs, len(jobs))
	require.Len(t, r.record.ShEvents, len(commands))
}

// Many short commands within a millisecond are as many rows, each with its own log.
func TestCommandsOfOneMillisecond(t *testing.T) {
	const n = 300
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		for i := range n {
			if exit, err := sh.Try(ctx, fmt.Sprintf("echo %d; exit %d", i, i%7)); err != nil || exit.Seq != i+1 {
				return fmt.Errorf("command %d: %+v, %w", i, exit, err)
			}
		}
		return nil
	}), shell.Options{Clock: ticking(0)})
	require.NoError(t, r.err)
	require.Len(t, r.record.ShEvents, n)
	for i, row := range r.record.ShEvents {
		log := logOf(t, filepath.Join(r.logs, "jobs", "job", fmt.Sprintf("sh-%d.log", row.Seq)))
		if row.Seq != i+1 || row.ExitCode.V != int32(i%7) || row.StartedAtMs != 1795444880217 || log.stdout != fmt.Sprintln(i) {
			t.Errorf("row %d: %+v, log %q", i, row, log)
		}
	}
}

// Commands of several goroutines wait for each other.
func TestCommandsDoNotOverlap(t *testing.T) {
	const goroutines, each = 8, 10
	logs := make(chan [2]string, goroutines*each)
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		failed := make(chan error, goroutines)
		for g := range goroutines {
			go func() {
				for i := range each {
					name := fmt.Sprintf("%d.%d", g, i)
					exit, err := sh.Try(ctx, "echo "+name)
					if err != nil {
						failed <- err
						return
					}
					logs <- [2]string{name, exit.Log}
				}
				failed <- nil
			}()
		}
		var err error
		for range goroutines {
			err = errors.Join(err, <-failed)
		}
		return err
	}), shell.Options{})
	require.NoError(t, r.err)
	require.Len(t, r.record.ShEvents, goroutines*each)
	close(logs)
	for log := range logs {
		assert.Equal(t, (output{stdout: log[0] + "\n"}), logOf(t, log[1]), log[0])
	}
}

// An observer gets the recorded events, with the paths of the logs.
func TestObserver(t *testing.T) {
	var seen []domain.Event
	var last shell.Progress
	var logs []string
	r := run(t, pipeline(t,
		shell.Job{ID: "a", Run: func(ctx context.Context, sh *shell.Shell) error {
			return errors.Join(sh.Run(ctx, "echo 1"), sh.Run(ctx, "echo 2"))
		}},
		shell.Job{ID: "b", Run: func(ctx context.Context, sh *shell.Shell) error { return sh.Run(ctx, "echo secret!; exit 4") }},
	), shell.Options{Secrets: []string{"secret!"}, Observe: func(p shell.Progress) {
		seen = append(seen, p.Event)
		switch p.Event.Kind {
		case domain.ShFinished:
			logs = append(logs, fmt.Sprintf("%s %d %s", p.Event.JobID, p.Seq, logOf(t, p.Log).stdout))
		case domain.JobFinished:
			last = p
		}
	}})
	assert.Equal(t, r.events, seen)
	assert.Equal(t, []string{"a 1 1\n", "a 2 2\n", "b 1 ***\n"}, logs)
	if failed := asError[*shell.ExitError](t, last.Err); failed.Code != 4 || failed.JobID != "b" || failed.Seq != 1 {
		t.Errorf("got %+v", failed)
	}
}
