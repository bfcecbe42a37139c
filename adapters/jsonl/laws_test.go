package jsonl_test

import (
	"crypto/sha256"
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

// The reader gives the entries and errors of the model, however the bytes are cut.
func TestReaderIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := stream().Draw(t, "stream")
		options := jsonl.Options{
			Name:        "n",
			MaxLine:     rapid.SampledFrom([]int{0, 30, 60, 100}).Draw(t, "limit"),
			OnMalformed: rapid.SampledFrom([]jsonl.OnMalformed{jsonl.AsBefore, jsonl.Stop, jsonl.Skip}).Draw(t, "on malformed"),
		}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 50), 0, 10).Draw(t, "sizes")
		var src io.Reader = &chunks{src: strings.NewReader(text), sizes: append(sizes, 1)}
		if rapid.Bool().Draw(t, "the end comes with bytes") {
			src = iotest.DataErrReader(src)
		}
		require.Equal(t, modelRead(text, options), readAll(src, options), "%q", text)
	})
}

// The strings of an event do not change, however long you keep them and
// whatever is read into the buffers that they came from.
func TestStringsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for _, e := range laws.Chaotic().Draw(t, "events") {
			text.WriteString(written(e) + "\n")
		}
		src := strings.NewReader(strings.Repeat(text.String(), 50)) // several times the chunk that strings share
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

// A line in another spelling gives the same event. Append writes that event as
// serde_json does, behind the bytes that are there.
func TestLoosenedLinesMeanTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := laws.Event().Draw(t, "event")
		text := loosened(want).Draw(t, "line")
		got := readAll(strings.NewReader(text+"\n"), jsonl.Options{})
		if got.err != nil || len(got.entries) != 1 || got.entries[0].Event != want {
			t.Fatalf("%q\n got %+v, %v\nwant %+v", text, got.entries, got.err, want)
		}
		again, err := jsonl.Append([]byte("before"), &got.entries[0].Event)
		require.NoError(t, err)
		require.Equal(t, "before"+written(want)+"\n", string(again))
	})
}

// judges compares the general decoder with the model, and the fast ones with the
// general one: they may refuse a line, but must not decode it differently, whatever
// the lines before it were and whatever bytes follow it.
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

// Every line that differs from a sound one in one byte: a decoder that expects
// lines of one form goes wrong there.
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

// Strings are scanned in words of eight bytes. Invalid UTF-8 is found at every
// place in a word, with and without escapes around it.
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

// The decoders remember the job and the clock of the line before. These lines
// look as if they had the same.
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

// The fast decoders take the lines that they are made for. Without this, all
// tests could pass and reading be slow.
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

// The loose decoder takes sound lines with further members and of unknown types.
// Only spellings that no producer writes, and integers of more than 15 digits, go
// to the general decoder, which is slow.
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

// A chunk may end where a string begins, in its middle, or in an escape.
func TestStringsAtTheEndOfAChunk(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	const form = `{"at_ms":1,"type":"sh_started","job_id":"","cmd":"%s"}`
	escapes := []string{"", `\n`, `\u00e9`, `\u65e5`, `\ud83d\ude00`, `\ud83d\ude00\n\ud83d\ude00`}
	for left := range 48 {
		canonical := jsonl.NewCanonical()
		filler := fmt.Sprintf(form, strings.Repeat("x", jsonl.ChunkSize-left))
		for plain := range 24 {
			for _, escape := range escapes {
				if _, ok := canonical([]byte(filler), 0); !ok {
					t.Fatal("the filler was refused")
				}
				line := fmt.Sprintf(form, strings.Repeat("y", plain)+escape+strings.Repeat("z", 20))
				got, ok := canonical([]byte(line), 0)
				if want, _ := modelDecode([]byte(line)); !ok || got != want {
					t.Fatalf("%d left: %s\n got %+v, %v\nwant %+v", left, line, got, ok, want)
				}
			}
		}
	}
}

// A string that is refused after it was given a chunk leaves nothing in that chunk.
func TestRefusedStringsLeaveNothing(t *testing.T) {
	const form = `{"at_ms":1,"type":"sh_started","job_id":"%s","cmd":"%s"}`
	judges := newJudges()
	for i, size := range []int{3 * jsonl.ChunkSize, 2 * jsonl.ChunkSize, jsonl.ChunkSize, 10} {
		long := strings.Repeat("x", size)
		judges.check(t, fmt.Sprintf(form, "a", long))
		judges.check(t, fmt.Sprintf(form, "a", long[:size/2]+`\x`))
		judges.check(t, fmt.Sprintf(form, fmt.Sprint(i), "\xff"+long))
		judges.check(t, fmt.Sprintf(form, fmt.Sprint(i), "short"))
	}
}

// markOf is the mark at the end of text.
func markOf(text string) domain.Mark {
	return domain.Mark{Bytes: int64(len(text)), Lines: int64(strings.Count(text, "\n")), SHA256: sha256.Sum256([]byte(text))}
}

// wholeLines is text up to its last line feed.
func wholeLines(text string) string { return text[:strings.LastIndexByte(text, '\n')+1] }

// The marks at the end depend only on the bytes, not on how they come.
func TestMarksAreThoseOfTheBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := stream().Draw(t, "stream")
		options := jsonl.Options{
			MaxLine:     rapid.SampledFrom([]int{0, 20, 60}).Draw(t, "limit"),
			OnMalformed: jsonl.Skip,
			Digest:      true,
		}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 50), 0, 10).Draw(t, "sizes")
		reader := jsonl.NewReader(&chunks{src: strings.NewReader(text), sizes: append(sizes, 1)}, options)
		if err := drainReader(reader); err != io.EOF {
			t.Fatal(err)
		}
		whole, end := reader.Marks()
		want := markOf(text)
		require.Equal(t, markOf(wholeLines(text)), whole, "%q: marks", text)
		require.Equal(t, want, end, "%q: marks", text)
	})
}

// A stream continues a known one if it begins with its bytes. The reader knows this
// before it gives the first entry behind them.
func TestContinues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := stream().Draw(t, "stream")
		known := wholeLines(text[:rapid.IntRange(0, len(text)).Draw(t, "known")])
		if rapid.Bool().Draw(t, "of another stream") && known != "" {
			i := rapid.IntRange(0, len(known)-1).Draw(t, "byte")
			known = known[:i] + string([]byte{known[i] ^ 1}) + known[i+1:]
		}
		if rapid.Bool().Draw(t, "longer") {
			known += rapid.StringN(0, 5, 5).Draw(t, "more")
		}
		want := strings.HasPrefix(text, known)
		reader := jsonl.NewReader(strings.NewReader(text), jsonl.Options{
			OnMalformed: jsonl.Skip, Digest: true, Known: markOf(known),
			MaxLine: rapid.SampledFrom([]int{0, 20}).Draw(t, "limit"),
		})
		var one []domain.Entry
		for {
			var err error
			if one, err = reader.Append(one[:0], 1); err == io.EOF {
				break
			}
			if one[0].Offset >= int64(len(known)) && reader.Continues() != want {
				t.Fatalf("behind %d bytes of %q: continues is %v", one[0].Offset, text, reader.Continues())
			}
		}
		require.Equal(t, want, reader.Continues(), "%q, known %q: continues", text, known)
	})
}

func drainReader(reader *jsonl.Reader) error {
	for {
		if _, err := reader.Next(); err != nil {
			return err
		}
	}
}
