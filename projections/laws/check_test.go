package laws

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

func TestTallyBreaksNoLaw(t *testing.T) { Check(t, declared(newTally), Model(modelTally)) }

const planted = "QUIRE_LAWS_PLANTED"

// TestPlanted fails, but only in the process that TestCheckReports runs.
func TestPlanted(t *testing.T) {
	if os.Getenv(planted) == "" {
		t.Skip("it is to fail")
	}
	Check(t, declared(reducing(func(p *tally, s *step, rows []row) []row {
		if s.JobEnds {
			panic("not yet written")
		}
		return rows
	})), Except("indexed"))
}

// What an author sees: each law fails by itself, with a stream to paste; a panic
// takes none of the others down.
func TestCheckReports(t *testing.T) {
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPlanted$", "-test.v")
	again.Env = append(os.Environ(), planted+"=1")
	output, err := again.CombinedOutput()
	assert.Error(t, err, "a projection that panics passes")
	_, reports, _ := strings.Cut(string(output), "=== RUN   TestPlanted/total")
	reports, _, _ = strings.Cut(reports, "--- FAIL: TestPlanted ")
	for i, report := range strings.Split(reports, "=== RUN") {
		name, _, _ := strings.Cut(strings.TrimSpace(report), "\n")
		switch {
		case strings.HasSuffix(name, "/elsewhere"): // it panics in the same way there
		case !strings.Contains(report, "panic: not yet written, at"), !strings.Contains(report, "check_test.go:"):
			t.Errorf("%d: no panic, or not where it was:\n%s", i, report)
		case strings.HasSuffix(name, "/bounded"): // has streams of its own
		case !strings.Contains(report, "\n        \tlaws.Entries([]domain.Event{\n        \t\tdomain.NewJobFinished(0, \"a\", domain.Complete),\n        \t})\n"):
			t.Errorf("%d: no small stream:\n%s", i, report)
		}
	}
	if got := strings.Count(string(output), "    --- FAIL: TestPlanted/"); got != 14 {
		t.Errorf("%d laws are reported:\n%s", got, output)
	}
	assert.NotContains(t, string(output), "TestPlanted/indexed", "the law that was left out was tried")
}

func TestHoldIsTheLawsOfOneStream(t *testing.T) {
	for seed := range 20 {
		assert.NoError(t, Hold(declared(newTally), Streams().Example(seed)))
	}
	stream := Entries([]domain.Event{domain.NewRunFinished(9, domain.Failed), domain.NewJobStarted(5, "x"), {}})
	for _, m := range mutants {
		var found *Counterexample
		if err := Hold(declared(m.new), stream); err != nil && !errors.As(err, &found) {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	assert.Error(t, Hold(declared(opening(func(_ *tally, _ *tracker, rows []row) []row { return append(rows, row{Index: 1}) })), stream), "a law that is broken holds")
	assert.Error(t, Hold(declared(newTally), stream, Model(func([]domain.Entry) []tally { return nil })), "a model that says something else holds")
}

func TestOptionsAreChecked(t *testing.T) {
	for name, option := range map[string]Option{
		"of another type's rows": Model(func([]domain.Entry) []int { return nil }),
		"of another type's jobs": Independent(func(int) string { return "" }),
		"no such law":            Except("resumeable"),
	} {
		assert.Error(t, Hold(declared(newTally), nil, option), "%s: there is no error", name)
	}
}

// A stream of the author's own is drawn, and a mistake found that only it shows.
func TestWith(t *testing.T) {
	event := domain.NewUnknown(1, "deployed", `{"to":"production"}`)
	own := StreamsOf(rapid.Just([]domain.Event{event}))
	wrong := declared(reducing(func(_ *tally, s *step, rows []row) []row {
		if s.Type == event.Type {
			panic("no room for it")
		}
		return rows
	}))
	for seed := range 100 {
		if Hold(wrong, optionsOf([]Option{With(own)}).streams.Example(seed)) != nil {
			return
		}
	}
	t.Error("none of 100 streams is one of the author's")
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	text string
}

func (*recorder) Helper()                        {}
func (r *recorder) Errorf(f string, args ...any) { r.text += fmt.Sprintf(f, args...) }

func TestGivenThen(t *testing.T) {
	retries := declared(func() projections.Projection[tally] {
		return &retries{Runs: map[string]map[string]int{}, hoards: true}
	})
	test := &recorder{TB: t}
	example := Given(test, retries,
		domain.NewShStarted(1, "build", "make"), domain.NewShStarted(2, "build", "make"),
		domain.NewShStarted(3, "build", "test"), domain.NewShStarted(4, "build", "test"))
	example.Then().ThenFinal()
	ended := example.When(domain.NewJobFinished(5, "build", domain.Failed))
	ended.Then(tally{2, "make"}, tally{2, "test"}).ThenFinal(tally{2, "make"}, tally{2, "test"})
	ended.When(domain.NewRunFinished(6, domain.Failed)).Then()
	assert.Equal(t, "", test.text, "an example that holds is reported")
	ended.Then(tally{2, "make"}, tally{3, "test"}, tally{1, "lint"})
	if want := `given
	domain.NewShStarted(1, "build", "make"),
	domain.NewShStarted(2, "build", "make"),
	domain.NewShStarted(3, "build", "test"),
	domain.NewShStarted(4, "build", "test"),
when
	domain.NewJobFinished(5, "build", domain.Failed),
then the rows (- wanted, + there):
	  {Count:2 Cmd:make}
	- {Count:3 Cmd:test}
	+ {Count:2 Cmd:test}
	- {Count:1 Cmd:lint}
`; test.text != want {
		t.Errorf("it is reported as\n%s", test.text)
	}
}
