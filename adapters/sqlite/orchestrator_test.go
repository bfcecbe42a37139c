package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// recorded stands for quire-ci, whose runs would take another time each: it
// takes the same arguments, and writes the stream that it is told to.
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

// An orchestrator gives each run a place for its stream, starts the process
// that writes it, and ingests the stream when the process is done, however it
// ended: killed half-way, it leaves a stream that tells how far it came.
type orchestrator struct {
	runner []string // quire-ci, and how it is called where it is
	folder string
	db     *sqlite.Store
}

func (o *orchestrator) dispatch(ctx context.Context, run domain.RunID) (store.Run, error) {
	folder := filepath.Join(o.folder, string(run))
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return store.Run{}, err
	}
	stream := filepath.Join(folder, "events.jsonl")
	args := append(o.runner[1:len(o.runner):len(o.runner)], "run", "--events", stream, "--out-dir", folder)
	var failed *exec.ExitError
	if err := exec.CommandContext(ctx, o.runner[0], args...).Run(); err != nil && !errors.As(err, &failed) {
		return store.Run{}, err // it has not even started
	}
	recording := jsonl.FileSource(stream).Recording(jsonl.Options{})
	if _, err := store.Ingest(ctx, o.db, recording, store.Options{}); err != nil {
		return store.Run{}, err
	}
	return store.ReadRun(ctx, o.db, run)
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

	o := orchestrator{[]string{"sh", "-c", recorded, "sh"}, folder, db} // else []string{"quire-ci"}
	run, err := o.dispatch(ctx, "42")
	if err != nil {
		panic(err)
	}
	fmt.Printf("run %s %s after %d ms, %d of %d jobs failed\n", run.RunID, run.State, run.WallMs.V, run.FailedJobs, run.Run.Jobs)
	jobs, err := store.ReadJobs(ctx, db, "42")
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
	// run 42 failed after 9740 ms, 1 of 2 jobs failed
	//   build complete with 0
	//   test failed with 1
	// 1 run is stored
}
