package shell_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
)

// The bodies of this pipeline decide which commands are run. Its stream goes to
// standard output; the clock stands still, so that the example can show it.
func Example() {
	pipeline, err := shell.New(
		shell.Job{ID: "test", Needs: []string{"build"}, Run: func(ctx context.Context, sh *shell.Shell) error {
			exit, err := sh.Try(ctx, "grep -q flaky tests.txt")
			if err != nil {
				return err
			}
			if exit.Code == 0 {
				return errors.New("flaky tests are not run here")
			}
			return sh.Run(ctx, "echo all tests pass")
		}},
		shell.Job{ID: "build", Run: func(ctx context.Context, sh *shell.Shell) error {
			for _, name := range []string{"unit", "integration"} {
				if err := sh.Run(ctx, "echo "+name+" >> tests.txt"); err != nil {
					return err
				}
			}
			return nil
		}},
	)
	if err != nil {
		log.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	result, err := pipeline.Run(context.Background(), shell.Options{
		Workspace: folder,
		Logs:      folder,
		Sink:      jsonl.NewWriter(os.Stdout),
		Clock:     func() time.Time { return time.UnixMilli(1795444880217) },
	})
	fmt.Println(result.Outcome, err)
	// Output:
	// {"at_ms":1795444880217,"type":"job_started","job_id":"build"}
	// {"at_ms":1795444880217,"type":"sh_started","job_id":"build","cmd":"echo unit >> tests.txt"}
	// {"at_ms":1795444880217,"type":"sh_finished","job_id":"build","exit_code":0}
	// {"at_ms":1795444880217,"type":"sh_started","job_id":"build","cmd":"echo integration >> tests.txt"}
	// {"at_ms":1795444880217,"type":"sh_finished","job_id":"build","exit_code":0}
	// {"at_ms":1795444880217,"type":"job_finished","job_id":"build","outcome":"complete"}
	// {"at_ms":1795444880217,"type":"job_started","job_id":"test"}
	// {"at_ms":1795444880217,"type":"sh_started","job_id":"test","cmd":"grep -q flaky tests.txt"}
	// {"at_ms":1795444880217,"type":"sh_finished","job_id":"test","exit_code":1}
	// {"at_ms":1795444880217,"type":"sh_started","job_id":"test","cmd":"echo all tests pass"}
	// {"at_ms":1795444880217,"type":"sh_finished","job_id":"test","exit_code":0}
	// {"at_ms":1795444880217,"type":"job_finished","job_id":"test","outcome":"complete"}
	// {"at_ms":1795444880217,"type":"run_finished","outcome":"succeeded"}
	// complete <nil>
}

// Observe shows people the progress of a run, and the error what has failed.
func ExamplePipeline_Run() {
	pipeline, err := shell.New(shell.Job{ID: "deploy", Run: func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, "echo token is t0ps3cret; exit 3")
	}})
	if err != nil {
		log.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	_, err = pipeline.Run(context.Background(), shell.Options{
		Logs:    folder,
		Secrets: []string{"t0ps3cret"},
		Observe: func(p shell.Progress) {
			switch p.Event.Kind {
			case domain.ShStarted:
				fmt.Printf("%s/%d: %s\n", p.Event.JobID, p.Seq, p.Event.Cmd)
			case domain.JobFinished:
				fmt.Println(p.Event.JobID, p.Event.Outcome)
			}
		},
	})
	if failed := (*shell.ExitError)(nil); errors.As(err, &failed) {
		text, err := os.ReadFile(failed.Log)
		if err != nil {
			log.Fatal(err)
		}
		_, line, _ := strings.Cut(string(text), " ")
		fmt.Printf("exit code %d: %s", failed.Code, line)
	}
	// Output:
	// deploy/1: echo token is ***; exit 3
	// deploy failed
	// exit code 3: stdout F token is ***
}
