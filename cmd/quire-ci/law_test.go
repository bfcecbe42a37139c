package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
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

// codes are commands with their exit codes.
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

// stream returns the expected stream of the pipeline.
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

// failer is a test or a property.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// record folds a stream, which may be torn but not malformed.
func record(t failer, path string) *projections.Record {
	t.Helper()
	file, err := jsonl.Locate(path).Open()
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer file.Close()
	record, err := projections.Project("run", jsonl.NewReader(file, jsonl.Options{}))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return record
}

// recorded returns the events of a stream, without their times.
func recorded(t failer, path string) []domain.Event {
	t.Helper()
	file, err := jsonl.Locate(path).Open()
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer file.Close()
	var events []domain.Event
	for entry, err := range jsonl.NewReader(file, jsonl.Options{}).All() {
		switch {
		case err != nil:
			t.Fatalf("%v", err)
		case entry.Fault == domain.Sound:
			entry.Event.AtMs = 0
			events = append(events, entry.Event)
		}
	}
	return events
}

// events abbreviates a stream's events: "job_started a, sh_finished 0".
func events(t failer, path string) string {
	t.Helper()
	var words []string
	for _, event := range recorded(t, path) {
		switch event.Kind {
		case domain.ShFinished:
			words = append(words, fmt.Sprintf("%v %d", event.Kind, event.ExitCode))
		case domain.JobFinished, domain.RunFinished:
			words = append(words, fmt.Sprintf("%v %v", event.Kind, event.Outcome))
		default:
			words = append(words, fmt.Sprintf("%v %s", event.Kind, event.JobID))
		}
	}
	return strings.Join(words, ", ")
}

// The stream of a killed run records what happened: its whole lines are the beginning of the full stream,
// and the logs exist.
func TestKill(t *testing.T) {
	var pipeline strings.Builder
	var want []domain.Event
	pipeline.WriteString("jobs:\n")
	for job := range 20 {
		id := fmt.Sprint("job", job)
		fmt.Fprintf(&pipeline, "- id: %s\n  sh:\n", id)
		want = append(want, domain.NewJobStarted(0, id))
		for sh := range 20 {
			cmd := fmt.Sprintf("echo %d # %s", sh, strings.Repeat("x", 100))
			fmt.Fprintf(&pipeline, "  - '%s'\n", cmd)
			want = append(want, domain.NewShStarted(0, id, cmd), domain.NewShFinished(0, id, 0))
		}
		want = append(want, domain.NewJobFinished(0, id, domain.Complete))
	}
	want = append(want, domain.NewRunFinished(0, domain.Complete))
	for range 8 {
		after := time.Duration(rand.IntN(500)) * time.Millisecond
		t.Run(after.String(), func(t *testing.T) {
			s := start(t, pipeline.String(), "--out-dir", "out")
			s.await("events.jsonl")
			time.Sleep(after)
			_ = s.cmd.Process.Kill() // it may have ended
			<-s.ended
			checkKilled(t, s, want)
		})
	}
}

func checkKilled(t *testing.T, s *started, want []domain.Event) {
	got := recorded(t, s.path("events.jsonl"))
	require.LessOrEqual(t, len(got), len(want), "recorded")
	require.Equal(t, want[:len(got)], got, "recorded")
	t.Logf("%d of %d events", len(got), len(want))
	record := record(t, s.path("events.jsonl"))
	for _, diagnostic := range record.Diagnostics {
		assert.Equal(t, projections.TornTail, diagnostic.Code, "odd: %+v", diagnostic)
	}
	for _, sh := range record.ShEvents {
		if !sh.ExitCode.Valid {
			continue // its log may not be there yet
		}
		log, err := os.ReadFile(s.path(filepath.Join("out", "jobs", sh.JobID, fmt.Sprintf("sh-%d.log", sh.Seq))))
		if err != nil || !strings.HasSuffix(string(log), fmt.Sprintf(" stdout F %d\n", sh.Seq-1)) {
			t.Errorf("the log of command %d, which has finished, has %q (%v)", sh.Seq, log, err)
		}
	}
}
