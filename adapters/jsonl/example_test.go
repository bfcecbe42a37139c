package jsonl_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// The README has these lines; a test sees to it that they are the same.
func ExampleLocate() {
	file, err := jsonl.Locate("../../fixtures/cobra-failing.jsonl").Open()
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	record, err := projections.Project("cobra-failing", jsonl.NewReader(file, jsonl.Options{}))
	if err != nil {
		log.Fatal(err)
	}
	for _, job := range record.Jobs {
		fmt.Println(job.JobID, job.State, job.ExitCode)
	}
	// Output:
	// build complete 0
	// test failed 1
}

func ExampleReader_All() {
	stream := strings.NewReader(`{"at_ms":100,"type":"job_started","job_id":"build"}
{"type": "sh_started", "cmd": "echo hi", "job_id": "build", "at_ms": 110}
{"at_ms":120,"type":"cache_restored","job_id":"build","bytes":4096}
`)
	for event, err := range jsonl.NewReader(stream, jsonl.Options{}).All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d: %d %s %s %q%s\n", event.Line, event.AtMs, event.TypeName(), event.JobID, event.Cmd, event.Extra)
	}
	// Output:
	// 1: 100 job_started build ""
	// 2: 110 sh_started build "echo hi"
	// 3: 120 cache_restored build ""{"bytes":4096}
}

func ExampleWriter() {
	var out strings.Builder
	sink := jsonl.NewWriter(&out)
	for _, event := range []domain.Event{
		domain.NewJobStarted(100, "build"),
		domain.NewShStarted(110, "build", "echo \"hi\""),
		domain.NewShFinished(190, "build", 0),
		domain.NewJobFinished(250, "build", domain.Complete),
		domain.NewRunFinished(300, domain.Complete),
	} {
		if err := sink.Emit(event); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Print(out.String())
	// Output:
	// {"at_ms":100,"type":"job_started","job_id":"build"}
	// {"at_ms":110,"type":"sh_started","job_id":"build","cmd":"echo \"hi\""}
	// {"at_ms":190,"type":"sh_finished","job_id":"build","exit_code":0}
	// {"at_ms":250,"type":"job_finished","job_id":"build","outcome":"complete"}
	// {"at_ms":300,"type":"run_finished","outcome":"succeeded"}
}
