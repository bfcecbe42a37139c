package shell_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/shell"
)

func nothing(context.Context, *shell.Shell) error { return nil }

func job(id string, needs ...string) shell.Job { return shell.Job{ID: id, Needs: needs, Run: nothing} }

// problemsOf returns all problems that New reports, without their messages.
func problemsOf(t rapid.TB, jobs []shell.Job) []shell.JobError {
	_, err := shell.New(jobs...)
	if err == nil {
		return nil
	}
	var all []shell.JobError
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		e := *asError[*shell.JobError](t, err)
		all = append(all, shell.JobError{Index: e.Index, ID: e.ID, Problem: e.Problem, Need: e.Need, Cycle: e.Cycle})
	}
	return all
}

func TestProblems(t *testing.T) {
	for name, test := range map[string]struct {
		jobs []shell.Job
		want []shell.JobError
	}{
		"none":      {[]shell.Job{job("a"), job("b", "a")}, nil},
		"no jobs":   {nil, nil},
		"backwards": {[]shell.Job{job("b", "a", "a"), job("a")}, nil},
		"no body":   {[]shell.Job{{ID: "a"}}, []shell.JobError{{ID: "a", Problem: shell.NoBody, Need: -1}}},
		"twice":     {[]shell.Job{job("a"), job("b"), job("a")}, []shell.JobError{{Index: 2, ID: "a", Problem: shell.DuplicateID, Need: -1}}},
		"unknown": {[]shell.Job{job("a", "b", "c"), job("b")},
			[]shell.JobError{{ID: "a", Problem: shell.UnknownNeed, Need: 1}}},
		"itself": {[]shell.Job{job("a"), job("b", "a", "b")},
			[]shell.JobError{{Index: 1, ID: "b", Problem: shell.Cycle, Need: 1, Cycle: []string{"b", "b"}}}},
		"a cycle and who waits for it": {[]shell.Job{job("last", "a"), job("a", "c"), job("b", "a"), job("c", "b")},
			[]shell.JobError{{Index: 1, ID: "a", Problem: shell.Cycle, Cycle: []string{"a", "c", "b", "a"}}}},
		"two cycles": {[]shell.Job{job("a", "b"), job("b", "a"), job("x", "a", "y"), job("y", "x")},
			[]shell.JobError{
				{Index: 0, ID: "a", Problem: shell.Cycle, Cycle: []string{"a", "b", "a"}},
				{Index: 2, ID: "x", Problem: shell.Cycle, Need: 1, Cycle: []string{"x", "y", "x"}},
			}},
		"everything": {[]shell.Job{{ID: ".."}, job("a", "a", "z"), job("a")},
			[]shell.JobError{
				{Index: 0, ID: "..", Problem: shell.BadID, Need: -1},
				{Index: 0, ID: "..", Problem: shell.NoBody, Need: -1},
				{Index: 2, ID: "a", Problem: shell.DuplicateID, Need: -1},
				{Index: 1, ID: "a", Problem: shell.UnknownNeed, Need: 1},
				{Index: 1, ID: "a", Problem: shell.Cycle, Cycle: []string{"a", "a"}},
			}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, problemsOf(t, test.jobs))
		})
	}
}

func TestIDs(t *testing.T) {
	for id, ok := range map[string]bool{
		"build": true, "Build 2 (linux/arm)": false, "Build 2 (linux arm)": true, "größer": true, "-x": true, "...": true, ".a": true, "a:b": true,
		strings.Repeat("x", 255): true, strings.Repeat("x", 256): false,
		"": false, ".": false, "..": false, "/": false, "a/b": false, "../a": false, `a\b`: false,
		"a\x00": false, "a\n": false, "a\x7fb": false, "a\u0085b": false, "a\xff": false, " a": false, "a\u00a0": false,
	} {
		problems := problemsOf(t, []shell.Job{job(id)})
		if ok != (len(problems) == 0) || !ok && problems[0].Problem != shell.BadID {
			t.Errorf("%q: %+v", id, problems)
		}
	}
}

// Messages quote ids, but nothing that may be a command.
func TestProblemsSayWhatToDo(t *testing.T) {
	_, err := shell.New(job("a\x1b[2J"), job("b", "c"), job("c", "b"), job(""), job("größer", "kleiner", "curl -u a:hunter2 https://x"),
		job("echo hunter2", "echo hunter2"), job("curl https://hunter2"))
	want := `job 1: its id contains a control character; remove it
job 4: its id is empty; name the job
job 7: its id contains a slash or a backslash, but it must be a folder's name; choose another
job "größer": it needs "kleiner", but there is no such job
job "größer": one of its needs is not the id of a job; list ids under needs
job "b": it depends on itself; remove one of these needs: job "b" needs job "c" needs job "b"
job 6: it depends on itself; remove one of these needs: job 6 needs job 6`
	assert.EqualError(t, err, want)
}

// graph generates jobs that need each other in any way.
func graph() *rapid.Generator[[]shell.Job] {
	return rapid.Custom(func(t *rapid.T) []shell.Job {
		n := rapid.IntRange(0, 8).Draw(t, "jobs")
		jobs := make([]shell.Job, n)
		for i := range jobs {
			jobs[i] = job(fmt.Sprint("j", i))
			for _, need := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 2).Draw(t, "needs") {
				jobs[i].Needs = append(jobs[i].Needs, fmt.Sprint("j", need))
			}
		}
		return jobs
	})
}

// slowOrder takes the first job that can run, again and again. It leaves out jobs that
// never can.
func slowOrder(jobs []shell.Job) []string {
	order := []string{}
	for {
		next := slices.IndexFunc(jobs, func(j shell.Job) bool {
			ready := !slices.ContainsFunc(j.Needs, func(need string) bool { return !slices.Contains(order, need) })
			return ready && !slices.Contains(order, j.ID)
		})
		if next < 0 {
			return order
		}
		order = append(order, jobs[next].ID)
	}
}

func TestOrderIsThatOfTheNeeds(t *testing.T) {
	cycles := 0
	rapid.Check(t, func(t *rapid.T) {
		jobs := graph().Draw(t, "jobs")
		want := slowOrder(jobs)
		p, err := shell.New(jobs...)
		if len(want) < len(jobs) {
			cycles++
			checkCycles(t, jobs, err)
			return
		}
		require.NoError(t, err)
		require.True(t, slices.Equal(p.Order(), want), "got %v, want %v", p.Order(), want)
	})
	assert.NotEqual(t, 0, cycles, "no graph had a cycle")
}

// checkCycles checks that the reported problems are cycles, and that there are no others:
// without one need of each, no cycle is left.
func checkCycles(t *rapid.T, jobs []shell.Job, err error) {
	require.Error(t, err, "no cycle was found")
	for _, e := range problemsOf(t, jobs) {
		if e.Problem != shell.Cycle || e.Cycle[0] != e.ID || jobs[e.Index].ID != e.ID || e.Cycle[len(e.Cycle)-1] != e.ID {
			t.Fatalf("%+v", e)
		}
		require.Equal(t, e.Cycle[1], jobs[e.Index].Needs[e.Need], "need %d is not on %v", e.Need, e.Cycle)
		for i, id := range e.Cycle[1:] {
			from := slices.IndexFunc(jobs, func(j shell.Job) bool { return j.ID == e.Cycle[i] })
			if !slices.Contains(jobs[from].Needs, id) || from < e.Index {
				t.Fatalf("%v: %s does not need %s, or comes first", e.Cycle, e.Cycle[i], id)
			}
		}
	}
}

// Changes of the jobs after New do not change the pipeline.
func TestPipelineKeepsItsJobs(t *testing.T) {
	jobs := []shell.Job{job("b", "a"), job("a")}
	p := pipeline(t, jobs...)
	jobs[0].ID, jobs[1].Run = "x", func(context.Context, *shell.Shell) error { return errors.New("not mine") }
	if r := run(t, p, shell.Options{}); r.err != nil || r.record.Jobs[1].JobID != "b" {
		t.Errorf("got %v, %+v", r.err, r.record.Jobs)
	}
}
