package jsonl_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

// Entries and errors do not depend on how the bytes are cut.
func TestCutsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := stream().Draw(t, "stream")
		options := jsonl.Options{
			MaxLine:     rapid.SampledFrom([]int{0, 30, 60, 100}).Draw(t, "limit"),
			OnMalformed: rapid.SampledFrom([]jsonl.OnMalformed{jsonl.AsBefore, jsonl.Stop, jsonl.Skip}).Draw(t, "on malformed"),
		}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 50), 0, 10).Draw(t, "sizes")
		want := readAll(strings.NewReader(text), options)
		var src io.Reader = &chunks{src: strings.NewReader(text), sizes: append(sizes, 1)}
		if rapid.Bool().Draw(t, "the end comes with bytes") {
			src = iotest.DataErrReader(src)
		}
		got := readAll(src, options)
		require.Equal(t, want, got)
	})
}

// The strings of an event are nobody else's, however long they are held and
// whatever is read over the buffers that they came from.
func TestStringsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for _, e := range laws.Chaotic().Draw(t, "events") {
			text.WriteString(written(e) + "\n")
		}
		src := strings.NewReader(strings.Repeat(text.String(), 50)) // some times the chunk that strings share
		reader := jsonl.NewReader(src, jsonl.Options{})
		var held, copies []domain.Event
		for entry, err := range reader.All() {
			require.NoError(t, err)
			if len(held) < 200 || entry.Line%97 == 0 {
				held = append(held, entry.Event)
				copies = append(copies, cloned(entry.Event))
			}
		}
		require.Equal(t, copies, held, "strings have changed after they were handed out")
	})
}

func cloned(e domain.Event) domain.Event {
	for _, s := range []*string{&e.JobID, &e.Cmd, &e.Type, &e.Extra} {
		*s = strings.Clone(*s)
	}
	return e
}

// A stream cut at any byte has the events of its whole lines. What is left is a
// torn tail, or an event if nothing but its line feed is missing.
func TestCutStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		var want []domain.Entry
		for i, e := range rapid.SliceOfN(laws.Event(), 0, 6).Draw(t, "events") {
			position := domain.Position{Line: int64(i) + 1, Offset: int64(text.Len())}
			want = append(want, domain.Entry{Event: e, Position: position})
			text.WriteString(written(e) + "\n")
		}
		step := 1
		if testing.Short() {
			step = 13
		}
		for cut := 0; cut < text.Len(); cut += step {
			got := readAll(strings.NewReader(text.String()[:cut]), jsonl.Options{})
			whole := strings.Count(text.String()[:cut], "\n")
			expect := append([]domain.Entry(nil), want[:whole]...)
			switch next := want[whole]; {
			case text.String()[cut] == '\n':
				expect = append(expect, next)
			case int64(cut) > next.Offset:
				expect = append(expect, domain.Entry{Position: next.Position, Fault: domain.Torn})
			}
			require.NoError(t, got.err, "cut at %d of %q", cut, text.String())
			require.Equal(t, expect, got.entries, "cut at %d of %q", cut, text.String())
		}
	})
}

// Append writes what serde_json writes, and the reader gives the event back.
func TestEncodedEventsDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := laws.Events().Draw(t, "events")
		text := []byte("before")
		for i := range events {
			var err error
			if text, err = jsonl.Append(text, &events[i]); err != nil {
				t.Fatal(err)
			}
		}
		want := "before"
		for _, e := range events {
			want += written(e) + "\n"
		}
		require.Equal(t, want, string(text))
		got := readAll(strings.NewReader(string(text[len("before"):])), jsonl.Options{})
		require.NoError(t, got.err)
		require.Len(t, got.entries, len(events))
		for i, entry := range got.entries {
			require.Equal(t, events[i], entry.Event)
		}
	})
}

// A line may look otherwise and mean the same; written again, it looks as it
// should.
func TestLoosenedLinesMeanTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := laws.Event().Draw(t, "event")
		text := loosened(want).Draw(t, "line")
		got := readAll(strings.NewReader(text+"\n"), jsonl.Options{})
		if got.err != nil || len(got.entries) != 1 || got.entries[0].Event != want {
			t.Fatalf("%q\n got %+v, %v\nwant %+v", text, got.entries, got.err, want)
		}
		again, err := jsonl.Append(nil, &got.entries[0].Event)
		require.NoError(t, err, "written again")
		require.Equal(t, written(want)+"\n", string(again), "written again")
	})
}

// judges holds the general decoder to the model, and the fast ones to the
// general: they may refuse a line, but not make anything else of it, whatever
// was on the lines before and whatever stands behind it.
type judges map[string][]jsonl.Fast

func newJudges() judges {
	return judges{
		"canonical": {jsonl.NewCanonical(), jsonl.NewCanonical()},
		"loose":     {jsonl.NewLoose(), jsonl.NewLoose()},
	}
}

func (j judges) check(t interface {
	Helper()
	Fatalf(string, ...any)
}, line string) {
	t.Helper()
	want, _, reason := jsonl.DecodeGeneral([]byte(line))
	if model, ok := modelDecode([]byte(line)); ok != (reason == "") || ok && want != model {
		t.Fatalf("%q\n got %+v, %s\nwant %+v, %v", line, want, reason, model, ok)
	}
	for name, twins := range j {
		got, ok := twins[0]([]byte(line), '"')
		if ok && (reason != "" || got != want) {
			t.Fatalf("%q\n%s makes of it %+v\ngeneral %+v, %s", line, name, got, want, reason)
		}
		if twin, same := twins[1]([]byte(line), '0'); same != ok || twin != got {
			t.Fatalf("%q: to %s, it matters what stands behind", line, name)
		}
	}
}

func TestDecodersAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		judges := newJudges()
		for range rapid.IntRange(1, 8).Draw(t, "lines") {
			if text := mutated().Draw(t, "line"); !strings.Contains(text, "\n") {
				judges.check(t, text)
			}
		}
	})
	judges := newJudges()
	for _, test := range soundLines {
		judges.check(t, test.line)
	}
	for _, test := range malformedLines {
		judges.check(t, strings.Replace(test.line, "§", "", 1))
	}
}

// Every line that is one small step away from a good one: this is where a
// decoder goes wrong that knows by heart what a line looks like.
func TestDecodersAgreeOnNeighbours(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	judges := newJudges()
	for _, e := range []domain.Event{
		jobStarted, shStarted, shFinished, jobComplete, succeeded, runStarted(), runStarted("a", "\n", "b", ""),
		domain.NewJobFinished(1, "", domain.Failed),
		domain.NewRunFinished(-12345678, domain.Failed),
		domain.NewShFinished(1795444880217, "a", -127),
		domain.NewShStarted(1795444880217, "a", "some \"words\", é, and\nmore"),
		unknown(`{"a":{"b":[1,"c"]},"cmd":{}}`).InJob("a"),
	} {
		plain := written(e)
		for _, text := range []string{
			plain, "{ " + plain[1:], plain[:len(plain)-1] + `,"x":{"a":[1,-2.5e+3,{"b":null}],"\u00e9":[]}}`, `{"y":[ true ],` + plain[1:],
		} {
			for i := range text {
				judges.check(t, text[:i]+text[i+1:])
				for _, c := range []byte("\x00 \"\\}],:/019-.e\x80") {
					judges.check(t, text[:i]+string([]byte{c})+text[i:])
					judges.check(t, text[:i]+string([]byte{c})+text[i+1:])
				}
			}
		}
	}
}

// Bytes that are not UTF-8 are found wherever they stand in the words of eight
// bytes that a string is looked at in, with escapes around them or not.
func TestInvalidUTF8IsFoundAnywhere(t *testing.T) {
	judges := newJudges()
	for _, format := range []string{"%s\xff%s", `\n%s` + "\xff%s", `%s` + "\xff" + `\n%s`, "%s\xc3\xa9%s"} {
		for before := range 24 {
			for after := range 24 {
				cmd := fmt.Sprintf(format, strings.Repeat("x", before), strings.Repeat("y", after))
				judges.check(t, `{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"`+cmd+`"}`)
			}
		}
	}
}

// The decoders remember the job and the clock of the line before; this line
// looks as if it had the same.
func TestDecodersRememberWell(t *testing.T) {
	const job, clock = `{"at_ms":1,"type":"job_started","job_id":"%s"}`, `{"at_ms":%s,"type":"job_started","job_id":"a"}`
	for _, test := range []struct{ form, before, now string }{
		{job, `a\"b`, `a"b`},
		{job, `a\\n`, `a\n`},
		{job, `a\u0000`, "a\x00"},
		{job, `a\t`, "a\t"},
		{job, `\u0061`, `a`},
		{job, `a`, `\u0061`},
		{job, `a`, `ab`},
		{job, `ab`, `a`},
		{job, ``, `a`},
		{job, `a`, `a\"`},
		{clock, `12345678`, `123456789`},
		{clock, `123456789`, `12345678`},
		{clock, `1795444880217`, `17954448802170`},
		{clock, `1795444880217`, `-1795444880217`},
		{clock, `-1795444880217`, `1795444880217`},
		{clock, `1795444880217`, `17954448`},
		{clock, `1795444880217`, `179544488021e`},
		{clock, `01234567`, `01234567`},
		{clock, `00000000`, `00000000`},
		{clock, `123456789012345`, `1234567890123456`},
		{clock, `1234567890123456`, `1234567890123456`},
	} {
		judges := newJudges()
		judges.check(t, fmt.Sprintf(test.form, test.before))
		judges.check(t, fmt.Sprintf(test.form, test.now))
		judges.check(t, fmt.Sprintf(test.form, test.before))
	}
}

// The fast decoders take what they are there for; else, all of this would be
// right and slow.
func TestFastDecodersTakeTheirLines(t *testing.T) {
	canonical, loose := jsonl.NewCanonical(), jsonl.NewLoose()
	for _, e := range append(sample()[:200], runStarted(), runStarted("a", "b"), runStarted("a", "\n", "b", "2")) {
		text := written(e)
		for _, member := range append([]string{""}, furtherMembers...) {
			line := text[:len(text)-1] + member + "}"
			if got, ok := canonical([]byte(line), 0); !ok || got != e {
				t.Fatalf("canonical: %q: %+v", line, got)
			}
			if got, ok := loose([]byte(strings.ReplaceAll(line, `,"`, ` ,	"`)), 0); !ok || got != e {
				t.Fatalf("loose: %q: %+v", line, got)
			}
		}
	}
}

// furtherMembers are what later producers may add to an event.
var furtherMembers = []string{
	`,"span":{"trace":"abc"}`, `,"host" : [ { "a" : [1.5e+3, null, {}] }, [] ]`, `,"n":12345678901234567890`, `,"n":-0.0e-9,"b":false`,
	`,"\u00e9\"":"\ud83d\ude00é","":""`, `,"x":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999),
}

// No line that is sound goes to the general decoder, which is slow, for the members
// that it has besides its own or for a type that is not known; only what is
// written in a way that no producer writes, and integers of more than 15 digits.
func TestLooseTakesWhatIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := laws.Event().Draw(t, "event")
		text := loosened(want).Draw(t, "line")
		got, ok := jsonl.NewLoose()([]byte(text), '"')
		if short := -1e15 < float64(want.AtMs) && float64(want.AtMs) < 1e15; short && (!ok || got != want) {
			t.Fatalf("%q: got %+v, %v\nwant %+v", text, got, ok, want)
		}
	})
	loose := jsonl.NewLoose()
	for _, test := range soundLines {
		if got, ok := loose([]byte(test.line), 0); !strings.Contains(test.line, "12345678") && !strings.Contains(test.line, "92233720") && (!ok || got != test.want) {
			t.Errorf("%.200q: got %+v, %v", test.line, got, ok)
		}
	}
}
