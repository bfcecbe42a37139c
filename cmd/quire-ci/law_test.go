package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
)

// planned is a pipeline whose behaviour is known.
type planned struct {
	Jobs []plannedJob `yaml:"jobs"`
}

type plannedJob struct {
	ID    string   `yaml:"id"`
	Needs []string `yaml:"needs,omitempty"`
	Sh    []string `yaml:"sh"`
}

// codes are commands, and what they exit with.
var codes = map[string]int32{
	"true":     0,
	"exit 256": 0,
	"set -e\n: a 'b' \"c\" \\d\n: é ☃\ttab": 0,
	": \u0085 \u2028 \x7f \u009b":           0,
	"# nothing: {at all}":                   0,
	"echo out; echo err >&2":                0,
	"exit 7":                                7,
	"false":                                 1,
	"kill -TERM $$":                         143,
	"no-such-program-as-this":               127,
}

func plan(t *rapid.T) planned {
	var harmless, failing []string
	for command, code := range codes {
		if code == 0 {
			harmless = append(harmless, command)
		} else {
			failing = append(failing, command)
		}
	}
	slices.Sort(harmless)
	slices.Sort(failing)
	ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9~.é-][a-z0-9 ~.é-]{0,4}[a-z]`), 1, 4, rapid.ID).Draw(t, "ids")
	var p planned
	for _, id := range rapid.Permutation(ids).Draw(t, "order") {
		commands := rapid.SliceOfN(rapid.SampledFrom(harmless), 1, 3).Draw(t, "sh")
		if rapid.IntRange(0, 5).Draw(t, "fails") == 0 {
			commands = append(commands, rapid.SampledFrom(failing).Draw(t, "failing"))
			commands = append(commands, "true")
		}
		// A job needs only jobs that precede it in ids, so that there are no cycles.
		var needs []string
		if at := slices.Index(ids, id); at > 0 {
			needs = rapid.SliceOfNDistinct(rapid.SampledFrom(ids[:at]), 0, 2, rapid.ID).Draw(t, "needs")
		}
		p.Jobs = append(p.Jobs, plannedJob{id, needs, commands})
	}
	return p
}

// stream is what the pipeline is to record.
func (p planned) stream() (events []domain.Event, outcome domain.Outcome) {
	outcome = domain.Complete
	done := map[string]bool{}
	for len(done) < len(p.Jobs) && outcome == domain.Complete {
		next := slices.IndexFunc(p.Jobs, func(job plannedJob) bool {
			return !done[job.ID] && !slices.ContainsFunc(job.Needs, func(need string) bool { return !done[need] })
		})
		job := p.Jobs[next]
		done[job.ID] = true
		events = append(events, domain.NewJobStarted(0, job.ID))
		for _, command := range job.Sh {
			events = append(events, domain.NewShStarted(0, job.ID, command), domain.NewShFinished(0, job.ID, codes[command]))
			if codes[command] != 0 {
				outcome = domain.Failed
				break
			}
		}
		events = append(events, domain.NewJobFinished(0, job.ID, outcome))
	}
	return append(events, domain.NewRunFinished(0, outcome)), outcome
}

// quire-ci records what the pipeline does, and quire-project finds nothing wrong with the stream.
func TestRecordsWhatHappens(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	defer checks.Value.Set(checks.Value.String())
	if err := checks.Value.Set("25"); err != nil { // each takes some 20 processes
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		p := plan(t)
		data, err := yaml.Dump(p)
		require.NoError(t, err)
		folder, err := os.MkdirTemp("", "quire-ci-law-")
		require.NoError(t, err)
		defer os.RemoveAll(folder)
		if err := errors.Join(os.Mkdir(filepath.Join(folder, ".quire"), 0o777),
			os.WriteFile(filepath.Join(folder, ".quire", "ci.yaml"), data, 0o666)); err != nil {
			t.Fatal(err)
		}
		want, outcome := p.stream()
		checkRun(t, folder, want, outcome)
	})
}

func checkRun(t failer, folder string, want []domain.Event, outcome domain.Outcome) {
	t.Helper()
	cmd := exec.Command("quire-ci", "run", "--events", "stdout", "--out-dir", "out")
	cmd.Dir = folder
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the status is looked at
	status := command.StatusOK
	if outcome == domain.Failed {
		status = command.StatusFailed
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Fatalf("exit status %d, want %d:\n%s", got, status, errs.String())
	}
	path := filepath.Join(folder, "events.jsonl")
	if err := os.WriteFile(path, out.Bytes(), 0o666); err != nil {
		t.Fatalf("%v", err)
	}
	if got := recorded(t, path); !slices.Equal(got, want) {
		t.Fatalf("recorded\n%+v\nand not\n%+v", got, want)
	}
	record := record(t, path)
	if len(record.Diagnostics) > 0 || !record.Run.Ended {
		t.Fatalf("odd: %+v\n%+v", record.Diagnostics, record.Run)
	}
	for _, sh := range record.ShEvents {
		log, err := os.ReadFile(filepath.Join(folder, "out", "jobs", sh.JobID, fmt.Sprintf("sh-%d.log", sh.Seq)))
		if err != nil {
			t.Fatalf("%v", err)
		}
		if sh.Cmd == "echo out; echo err >&2" && (!strings.Contains(string(log), " stdout F out\n") || !strings.Contains(string(log), " stderr F err\n")) {
			t.Fatalf("its log has %q", log)
		}
	}
}
