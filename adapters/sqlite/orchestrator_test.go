package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// recorded is a substitute for quire-ci, whose runs would differ in their times: it takes
// the same arguments, and writes a given stream.
const recorded = `
event() { printf '%s\n' "$1" >> "$OUT"; }
OUT=$3 # run --events OUT --out-dir DIR
event '{"at_ms":100,"type":"job_started","job_id":"build"}'
event '{"at_ms":110,"type":"sh_started","job_id":"build","cmd":"go build ./..."}'
event '{"at_ms":1930,"type":"sh_finished","job_id":"build","exit_code":0}'
event '{"at_ms":1940,"type":"job_finished","job_id":"build","outcome":"complete"}'
event '{"at_ms":1950,"type":"job_started","job_id":"test"}'
event '{"at_ms":1960,"type":"sh_started","job_id":"test","cmd":"go test ./..."}'
event '{"at_ms":9820,"type":"sh_finished","job_id":"test","exit_code":1}'
event '{"at_ms":9830,"type":"job_finished","job_id":"test","outcome":"failed"}'
event '{"at_ms":9840,"type":"run_finished","outcome":"pipeline_failure"}'
exit 1
`

// An orchestrator gives each run a place for its stream, starts the process that writes
// it, and ingests the stream after the process has ended. Even if the process is killed,
// the stream records how far it came.
type orchestrator struct {
	runner []string // quire-ci, and how it is called where it is
	grace  time.Duration
	folder string
	db     *sqlite.Store
}

// result is the row of a run, and how its process ended.
type result struct {
	store.Run
	status int    // of the process; -1 if a signal ended it
	stderr string // what it wrote to its standard error
}

func (o *orchestrator) dispatch(ctx context.Context, run domain.RunID) (result, error) {
	folder := filepath.Join(o.folder, string(run))
	if err := os.Mkdir(folder, 0o777); err != nil {
		return result{}, err // fs.ErrExist: there was a run of this id
	}
	stream := filepath.Join(folder, "events.jsonl")
	args := append(o.runner[1:len(o.runner):len(o.runner)], "run", "--events", stream, "--out-dir", folder)
	runner := exec.CommandContext(ctx, o.runner[0], args...)
	runner.Cancel = func() error { return runner.Process.Signal(syscall.SIGTERM) } // it ends its run, and says so
	runner.WaitDelay = o.grace                                                     // before it is killed
	var said bytes.Buffer
	runner.Stderr = &said
	if err := runner.Run(); runner.ProcessState == nil {
		return result{}, err // it has not even started
	}
	r := result{status: runner.ProcessState.ExitCode(), stderr: said.String()}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute) // what it wrote is stored all the same
	defer cancel()
	source := jsonl.Locate(stream).Source(jsonl.Options{})
	_, err := store.Ingest(ctx, o.db, source, store.Options{})
	if err == nil {
		r.Run, err = store.ReadRun(ctx, o.db, run)
	}
	return r, err
}

func Example_orchestrator() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "runs")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	db, err := sqlite.Open(ctx, filepath.Join(folder, "quire.db"))
	if err != nil {
		panic(err)
	}
	defer db.Close()

	o := orchestrator{[]string{"sh", "-c", recorded, "sh"}, 10 * time.Second, folder, db} // else []string{"quire-ci"}
	run, err := o.dispatch(ctx, "42")
	if err != nil {
		panic(err)
	}
	fmt.Printf("run %s %s after %d ms, %d of %d jobs failed; status %d\n", run.RunID, run.State, run.WallMs.V, run.FailedJobs, run.Run.Jobs, run.status)
	jobs, err := store.Read(ctx, db, projections.Jobs, "42")
	if err != nil {
		panic(err)
	}
	for _, job := range jobs {
		fmt.Printf("  %s %s with %v\n", job.JobID, job.State, job.ExitCode)
	}
	newest, err := db.Runs(ctx, store.Page{Limit: 10})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(newest), "run is stored")
	// Output:
	// run 42 failed after 9740 ms, 1 of 2 jobs failed; status 1
	//   build complete with 0
	//   test failed with 1
	// 1 run is stored
}

// untilStopped is a substitute for quire-ci that ends its run when it is asked to stop.
const untilStopped = `
trap 'echo stopped >&2; echo "{\"at_ms\":2,\"type\":\"run_finished\",\"outcome\":\"pipeline_failure\"}" >> "$3"; exit 7' TERM
echo '{"at_ms":1,"type":"job_started","job_id":"build"}' > "$3"
while :; do sleep 0.01; done
`

// deaf ignores the request to stop.
const deaf = `
trap '' TERM
echo '{"at_ms":1,"type":"job_started","job_id":"build"}' > "$3"
while :; do sleep 0.01; done
`

func newOrchestrator(t *testing.T, script string, grace time.Duration) *orchestrator {
	folder := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(folder, "quire.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return &orchestrator{[]string{"sh", "-c", script, "sh"}, grace, folder, db}
}

// A runner whose context ends is asked to stop. Everything that it has written is stored.
func TestOrchestratorStopsARun(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		grace  time.Duration
		status int
		ended  bool
	}{"stops": {untilStopped, time.Minute, 7, true}, "is deaf": {deaf, 50 * time.Millisecond, -1, false}} {
		t.Run(name, func(t *testing.T) {
			o := newOrchestrator(t, test.script, test.grace)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { // once it runs
				for {
					if text, err := os.ReadFile(filepath.Join(o.folder, "42", "events.jsonl")); err == nil && len(text) > 0 {
						cancel()
						return
					}
					time.Sleep(time.Millisecond)
				}
			}()
			run, err := o.dispatch(ctx, "42")
			if err != nil || run.status != test.status || run.Ended != test.ended || run.Run.Jobs != 1 {
				t.Errorf("it ends with %+v, %v", run, err)
			}
			if test.ended && run.stderr != "stopped\n" {
				t.Errorf("it said %q", run.stderr)
			}
		})
	}
}

// An id names one run: a second run with it is an error, and the stream of the first one
// stays.
func TestOrchestratorReusesNoID(t *testing.T) {
	o := newOrchestrator(t, recorded, time.Second)
	for i := range 2 {
		if run, err := o.dispatch(t.Context(), "42"); i == 0 && err != nil || i == 1 && !errors.Is(err, fs.ErrExist) {
			t.Errorf("dispatch %d ends with %+v, %v", i, run, err)
		}
	}
}

// A runner that writes no stream reports the reason.
func TestOrchestratorOfARunThatDoesNotBegin(t *testing.T) {
	run, err := newOrchestrator(t, "echo no pipeline >&2; exit 2", time.Second).dispatch(t.Context(), "42")
	if !errors.Is(err, fs.ErrNotExist) || run.status != 2 || run.stderr != "no pipeline\n" {
		t.Errorf("it ends with %+v, %v", run, err)
	}
}
