package laws

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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

// An author sees each law fail separately, with a stream to paste. A panic does not stop the other laws.
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

// An author's own stream is used, and a mistake is found that only it shows.
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

// A mistake in a declaration is found before any law is tried.
func TestDeclarationIsChecked(t *testing.T) {
	err := Hold(declared(newTally, "job"), nil)
	assert.ErrorContains(t, err, `projection "tally": its key names the column "job"`)
	assert.NoError(t, Hold(projections.Jobs, nil), "a built-in projection")
}

// A projection is found that reacts to events of a kind that its declaration does not name.
func TestKindsAreHeeded(t *testing.T) {
	of := func(kinds ...domain.Kind) *projections.Defined[tally] {
		return projections.Define(projections.Declaration[tally]{Name: "commands", Version: 1, Single: true, Kinds: kinds, New: func() projections.Projection[tally] {
			return &broken{reduce: func(p *tally, s *step, rows []row) []row {
				if s.ShCloses {
					p.Count++
				}
				return rows
			}}
		}})
	}
	stream := Entries([]domain.Event{domain.NewShStarted(1, "a", "x"), domain.NewShFinished(2, "a", 0)})
	assert.NoError(t, Hold(of(domain.ShFinished), stream))
	assert.ErrorContains(t, Hold(of(domain.ShStarted), stream), `the law "heeded" is broken`)
}

type mood struct {
	State projections.State `json:"state"`
}

// moods has one row, whose state is any command.
type moods struct {
	Row mood `json:"row"`
}

func (p *moods) Reduce(s *step, rows []projections.Row[mood]) []projections.Row[mood] {
	if s.ShOpens {
		p.Row.State = projections.State(s.Cmd)
	}
	return rows
}

func (p *moods) Open(_ *tracker, rows []projections.Row[mood]) []projections.Row[mood] {
	return append(rows, projections.Row[mood]{Value: p.Row})
}

// A text that its column does not list does not fit.
func TestFittingTexts(t *testing.T) {
	of := projections.Define(projections.Declaration[mood]{
		Name: "moods", Version: 1, Single: true,
		New: func() projections.Projection[mood] { return &moods{mood{projections.Active}} },
	})
	for cmd, want := range map[string]string{"failed": "", "make": `which is none of ["active" "complete" "failed"]`} {
		err := Hold(of, Entries([]domain.Event{domain.NewShStarted(1, "a", cmd)}))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", cmd, err)
		}
	}
}

// streamOf is a stream in one batch.
type streamOf []domain.Entry

func (s *streamOf) Next() (entries []domain.Entry, err error) {
	if len(*s) == 0 {
		return nil, io.EOF
	}
	entries, *s = *s, nil
	return entries, nil
}

func (r *recorder) Fatal(args ...any)            { r.text += fmt.Sprint(args...); panic(r) }
func (r *recorder) Fatalf(f string, args ...any) { r.Fatal(fmt.Sprintf(f, args...)) }

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deeper", "tally.golden")
	golden := func(cmd string) (report string) {
		test := &recorder{TB: t}
		defer func() {
			if recover() != nil {
				report = test.text // Fatal ends a test
			}
		}()
		stream := streamOf(Entries([]domain.Event{domain.NewShStarted(1, "a", cmd), {}}))
		Golden(test, declared(newTally), &stream, path)
		return test.text
	}
	assert.Contains(t, golden("<make>"), "-laws.update", "without a file")
	*update = true
	report := golden("<make>")
	*update = false
	data, err := os.ReadFile(path)
	if want := `{"index":0,"final":false,"row":{"count":2,"cmd":"<make>"}}` + "\n"; string(data) != want || err != nil || report != "" {
		t.Errorf("it writes %q, %v, %s", data, err, report)
	}
	assert.Equal(t, "", golden("<make>"), "what was written is not the same")
	if report := golden("test"); !strings.Contains(report, "\t- "+strings.TrimSpace(string(data))) || !strings.Contains(report, `"cmd":"test"`) {
		t.Errorf("other rows are reported as %s", report)
	}
}

// Bytes reach every kind of entry. A projection that obeys the laws obeys them for any bytes.
func TestFromBytes(t *testing.T) {
	kinds := map[string]bool{}
	var data []byte
	for i := range 256 {
		data = append(data, byte(i), byte(i/3), byte(i*7), byte(i/10))
	}
	for _, entry := range FromBytes(data) {
		kinds[fmt.Sprint(entry.Kind, entry.Fault, entry.Outcome, entry.HasJob)] = true
	}
	assert.GreaterOrEqual(t, len(kinds), 12, "only")
	assert.Equal(t, 2, len(FromBytes(data[:11])), "11 bytes")
}
