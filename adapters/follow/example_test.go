package follow_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// An orchestrator keeps its database up with the folder into which its runs write, and
// reads from it what is running now.
func ExampleFollow() {
	runs, err := os.MkdirTemp("", "runs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(runs)
	db := memory.New() // or sqlite.Open, postgres.Open

	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := follow.Follow(ctx, runs, follow.Options{
			Store: db,
			Report: follow.Report{
				Skipped: func(run domain.RunID, err error) { fmt.Println("skipped:", err) },
			},
		})
		done <- err
	}()

	stream := filepath.Join(runs, "42.jsonl")
	_ = os.WriteFile(stream, []byte(`{"at_ms":100,"type":"job_started","job_id":"build"}`+"\n"), 0o666)
	for running := false; !running; time.Sleep(time.Millisecond) {
		jobs, _ := store.Read(ctx, db, projections.Jobs, "42")
		for _, job := range jobs {
			running = job.State == projections.Active
			fmt.Println(job.JobID, "is", job.State)
		}
	}
	stop()
	fmt.Println(<-done)
	// Output:
	// build is active
	// context canceled
}
