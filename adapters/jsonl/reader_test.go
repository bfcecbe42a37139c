package jsonl_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// Short lines to make streams of: an event, and a malformed line.
const (
	event = `{"at_ms":1,"type":"job_started","job_id":"a"}`
	wrong = `{"at_ms":1,"type":"job_started"}`
	bom   = "\ufeff"
)

// told is all that a reader returns for a stream.
type told struct {
	entries []domain.Entry
	skipped []jsonl.MalformedError
	err     error // nil for io.EOF
}

// readAll reads src to its end, which has to stay the end.
func readAll(src io.Reader, options jsonl.Options) told {
	var all told
	options.Skipped = func(err *jsonl.MalformedError) { all.skipped = append(all.skipped, *err) }
	reader := jsonl.NewReader(src, options)
	for {
		batch, err := reader.Next()
		if err == nil && len(batch) > 0 {
			all.entries = append(all.entries, batch...)
			continue
		}
		if _, again := reader.Next(); err == nil || again != err {
			panic(fmt.Sprintf("%d entries with %v, and then %v", len(batch), err, again))
		}
		if err != io.EOF {
			all.err = err
		}
		return all
	}
}

// shape abbreviates entries: E, M or T for an event, a malformed line or a torn
// tail, with line and offset.
func shape(entries []domain.Entry) string {
	var words []string
	for _, entry := range entries {
		letter := map[domain.Fault]string{domain.Sound: "E", domain.Malformed: "M", domain.Torn: "T"}[entry.Fault]
		if sound := entry.Fault == domain.Sound; sound != (entry.Event != domain.Event{}) {
			letter = "?"
		}
		words = append(words, fmt.Sprintf("%s%d@%d", letter, entry.Line, entry.Offset))
	}
	return strings.Join(words, " ")
}

func TestReaderShapes(t *testing.T) {
	const n = len(event)
	at := func(format string, offsets ...any) string { return fmt.Sprintf(format, offsets...) }
	for _, test := range []struct{ name, stream, want string }{
		{"empty", "", ""},
		{"line feeds", "\n\n", ""},
		{"blank lines", "\n \t\r\n" + event + "\n\r\n" + event + "\n \n", at("E3@5 E5@%d", 5+n+3)},
		{"CRLF", event + "\r\n" + event + "\r\n", at("E1@0 E2@%d", n+2)},
		{"mixed ends", event + "\n" + event + "\r\n" + event, at("E1@0 E2@%d E3@%d", n+1, 2*n+3)},
		{"no LF", event, "E1@0"},
		{"no LF but CR", event + "\r", "E1@0"},
		{"no LF but space", event + " \t", "E1@0"},
		{"torn", event + "\n" + event[:20], at("E1@0 T2@%d", n+1)},
		{"torn but malformed anyway", event + "\n" + wrong, at("E1@0 T2@%d", n+1)},
		{"torn first line", "{", "T1@0"},
		{"torn character", "{\"at_ms\":1,\"type\":\"\xe6\x97", "T1@0"},
		{"blank tail", event + "\n \t", "E1@0"},
		{"two objects without LF", event + event, "T1@0"},

		{"BOM", bom + event + "\n" + event + "\n", at("E1@3 E2@%d", 3+n+1)},
		{"BOM before a spaced line", bom + " " + event + "\n", "E1@3"},
		{"BOM alone", bom, ""},
		{"BOM alone, LF", bom + "\n", ""},
		{"BOM, blank line", bom + "\r\n" + event + "\n", "E2@5"},
		{"BOM torn", bom[:2], "T1@0"},
		{"BOM, torn", bom + event[:9], "T1@3"},
		{"BOM, no LF", bom + event, "E1@3"},
		{"BOM twice", bom + bom + event + "\n", "M1@3"},
		{"BOM on line 2", event + "\n" + bom + event + "\n", at("E1@0 M2@%d", n+1)},
		{"BOM after a blank line", "\n" + bom + event + "\n", "M2@1"},

		{"malformed lines", wrong + "\n" + event + "\n" + wrong + "\r\n", at("M1@0 E2@%d M3@%d", len(wrong)+1, len(wrong)+n+2)},
		{"NUL bytes, as after a power cut", event + "\n\x00\x00\x00\x00", at("E1@0 T2@%d", n+1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := readAll(strings.NewReader(test.stream), jsonl.Options{OnMalformed: jsonl.Skip})
			if got := shape(all.entries); got != test.want || all.err != nil {
				t.Errorf("%q\n got %s, %v\nwant %s", test.stream, got, all.err, test.want)
			}
		})
	}
}

func TestMalformedErrorSaysWhere(t *testing.T) {
	stream := bom + "\n" + event + "\r\n" + `{"at_ms":1, "type":null}` + "\n" + event + "\n"
	all := readAll(strings.NewReader(stream), jsonl.Options{Name: "runs/a.jsonl"})
	if got, want := shape(all.entries), "E2@4"; got != want {
		t.Errorf("before the error: %s, want %s", got, want)
	}
	var malformed *jsonl.MalformedError
	require.ErrorAs(t, all.err, &malformed)
	start := int64(strings.Index(stream, `{"at_ms":1, `))
	at := int64(strings.Index(stream, "null"))
	if malformed.Line != 3 || malformed.Offset != start || malformed.ByteOffset() != at || malformed.Column != at-start+1 {
		t.Errorf("got %+v", malformed)
	}
	if got, want := malformed.Error(), "runs/a.jsonl:3:20: malformed line at byte 70: a string is needed here, not null"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Reading may fail in the middle of a line or right behind one, with bytes or
// without. Whole lines count. Half a line is no torn tail: its rest exists, but could
// not be read.
func TestReadingFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, test := range []struct{ stream, want string }{
		{"", ""},
		{event + "\n", "E1@0"},
		{event + "\n" + event, "E1@0"},
		{event + "\n" + event[:9], "E1@0"},
		{strings.Repeat("x", 200), ""},
	} {
		for name, src := range map[string]io.Reader{
			"alone": io.MultiReader(strings.NewReader(test.stream), iotest.ErrReader(broken)),
			"with bytes": iotest.DataErrReader(
				io.MultiReader(strings.NewReader(test.stream), iotest.ErrReader(broken))),
		} {
			all := readAll(src, jsonl.Options{Name: "n", MaxLine: 100})
			at := fmt.Sprintf("n: read at byte %d: the disk is gone", len(test.stream))
			if got := shape(all.entries); got != test.want || !errors.Is(all.err, broken) || all.err.Error() != at {
				t.Errorf("%s, %q: got %s, %v\nwant %s, %s", name, test.stream, got, all.err, test.want, at)
			}
		}
	}
}

// Only io.EOF itself means the end of the stream. An error that wraps it, such as
// that of a broken connection, does not.
func TestWrappedEOFIsNoEnd(t *testing.T) {
	broken := fmt.Errorf("connection lost: %w", io.EOF)
	all := readAll(io.MultiReader(strings.NewReader(event+"\n"), iotest.ErrReader(broken)), jsonl.Options{Name: "n"})
	if all.err == nil || errors.Is(all.err, io.EOF) || !errors.Is(all.err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", all.err)
	}
	for _, err := range jsonl.NewReader(iotest.ErrReader(broken), jsonl.Options{}).All() {
		if err != nil {
			return
		}
	}
	t.Error("All took a broken connection for the end")
}

func TestReaderThatNeverProgresses(t *testing.T) {
	all := readAll(idle{}, jsonl.Options{})
	assert.ErrorIs(t, all.err, io.ErrNoProgress)
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// A live stream is a pipe: Next returns an event as soon as its line is there.
func TestNextDoesNotWaitForMore(t *testing.T) {
	out, in := io.Pipe()
	reader := jsonl.NewReader(out, jsonl.Options{OnMalformed: jsonl.Skip})
	for _, step := range []struct{ write, want string }{
		{event + "\n", "E1@0"},
		{event + "\n" + event[:10], "E2@46"},
		{event[10:] + "\n" + wrong + "\n", "E3@92 M4@138"},
	} {
		go func() { _, _ = io.WriteString(in, step.write) }()
		batch, err := reader.Next()
		if got := shape(batch); got != step.want || err != nil {
			t.Fatalf("after %q: got %s, %v", step.write, got, err)
		}
	}
	go in.Close()
	if _, err := reader.Next(); err != io.EOF {
		t.Errorf("got %v", err)
	}
}

func TestAll(t *testing.T) {
	stream := strings.Repeat(event+"\n"+wrong+"\n", 3) + event[:5]
	reader := jsonl.NewReader(strings.NewReader(stream), jsonl.Options{OnMalformed: jsonl.Skip})
	for entry, err := range reader.All() {
		assert.NoError(t, err)
		assert.EqualValues(t, 1, entry.Line)
		break
	}
	var lines []int64 // a reader that stops can continue
	for entry, err := range reader.All() {
		assert.NoError(t, err)
		assert.Equal(t, domain.JobStarted, entry.Kind)
		lines = append(lines, entry.Line)
	}
	assert.Equal(t, []int64{3, 5}, lines)
	for entry, err := range reader.All() {
		t.Errorf("behind the end: %+v, %v", entry, err)
	}
}

func TestAllEndsWithTheError(t *testing.T) {
	var got []string
	for entry, err := range jsonl.NewReader(strings.NewReader(event+"\n"+wrong+"\n"+event+"\n"), jsonl.Options{}).All() {
		var malformed *jsonl.MalformedError
		got = append(got, fmt.Sprint(entry.Line, errors.As(err, &malformed)))
	}
	assert.Equal(t, "1 false,0 true", strings.Join(got, ","))
}

// Append keeps the caller's entries and adds at most as many as the limit says.
func TestAppend(t *testing.T) {
	reader := jsonl.NewReader(strings.NewReader(strings.Repeat(event+"\n", 5)), jsonl.Options{})
	mine := []domain.Entry{{Fault: domain.Torn}}
	for _, want := range []int{1 + 2, 3 + 2, 5 + 1} {
		var err error
		if mine, err = reader.Append(mine, 2); err != nil || len(mine) != want {
			t.Fatalf("got %d entries, %v; want %d", len(mine), err, want)
		}
	}
	if got, want := shape(mine), "T0@0 E1@0 E2@46 E3@92 E4@138 E5@184"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if more, err := reader.Append(mine, 2); len(more) != 6 || err != io.EOF {
		t.Errorf("got %d entries, %v", len(more), err)
	}
}
