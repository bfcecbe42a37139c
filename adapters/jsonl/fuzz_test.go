package jsonl_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// recorded are the streams of real runs.
func recorded(tb testing.TB) [][]byte {
	paths, err := filepath.Glob("../../fixtures/*.jsonl")
	require.NoError(tb, err, "no recorded streams")
	require.NotEmpty(tb, paths, "no recorded streams")
	var streams [][]byte
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(tb, err)
		streams = append(streams, data[:min(len(data), 800)])
	}
	return streams
}

// FuzzDecode compares all decoders with each other and with the model.
func FuzzDecode(f *testing.F) {
	for _, stream := range recorded(f) {
		for line := range bytes.Lines(stream) {
			f.Add(bytes.TrimSuffix(line, []byte("\n")))
		}
	}
	for _, test := range soundLines {
		f.Add([]byte(test.line))
	}
	for _, test := range malformedLines {
		f.Add([]byte(strings.Replace(test.line, "§", "", 1)))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			t.Skip()
		}
		judges := newJudges()
		judges.check(t, string(line))
		judges.check(t, string(line)) // now they know the clock and the job

		event, column, reason := jsonl.DecodeGeneral(line)
		if reason != "" {
			require.GreaterOrEqual(t, column, 1, "%q: column", line)
			require.LessOrEqual(t, column, len(line)+1, "%q: column", line)
			return
		}
		encodes(t, event)
	})
}

// encodes checks an event's line, and that reading it gives the event.
func encodes(t *testing.T, event domain.Event) {
	line, err := jsonl.Append(nil, &event)
	require.NoError(t, err, "%+v", event)
	if event.Kind != domain.Unknown && string(line) != written(event)+"\n" {
		t.Fatalf("got  %q\nwant %q", line, written(event))
	}
	batch, err := jsonl.NewReader(bytes.NewReader(line), jsonl.Options{MaxLine: len(line)}).Next()
	if err != nil || len(batch) != 1 || batch[0].Event != event {
		t.Fatalf("%q\n got %+v, %v\nwant %+v", line, batch, err, event)
	}
}

// FuzzReader compares the reader with the model.
func FuzzReader(f *testing.F) {
	for _, stream := range recorded(f) {
		f.Add(string(stream), []byte{255, 7, 1}, uint16(200), true)
		f.Add(string(stream), []byte{100}, uint16(1000), false)
	}
	f.Add(bom+event+"\r\n\n"+wrong+"\n"+event[:9], []byte{1, 0, 2}, uint16(60), true)
	f.Add("\n"+strings.Repeat(event, 3)+"\n"+event, []byte{3}, uint16(44), true)
	f.Fuzz(func(t *testing.T, stream string, sizes []byte, limit uint16, skip bool) {
		options := jsonl.Options{Name: "n", MaxLine: max(1, int(limit))}
		if skip {
			options.OnMalformed = jsonl.Skip
		}
		src := &chunks{src: strings.NewReader(stream), sizes: []int{1}}
		for _, size := range sizes[:min(len(sizes), 50)] {
			src.sizes = append(src.sizes, int(size))
		}
		require.Equal(t, modelRead(stream, options), readAll(src, options))
	})
}

// FuzzEncode writes events that the wire can and cannot hold.
func FuzzEncode(f *testing.F) {
	f.Add(uint8(domain.ShStarted), int64(1), "a", "b\n\"\\\x7f\xff", "", int32(0), uint8(0), true)
	f.Add(uint8(domain.Unknown), int64(-1), "a", "x", `{"a":[1,{}]}`, int32(0), uint8(0), true)
	f.Add(uint8(domain.Unknown), int64(-1), "a", "x", `{"job_id":7}`, int32(0), uint8(0), false)
	f.Add(uint8(domain.JobFinished), int64(1), "a", "", "", int32(0), uint8(domain.NoOutcome), true)
	f.Add(uint8(domain.RunFinished), int64(1), "", "", "", int32(0), uint8(3), false)
	f.Add(uint8(domain.RunStarted), int64(1), "ref", "main", "3:ref4:main", int32(0), uint8(0), false)
	f.Add(uint8(domain.RunStarted), int64(1), "", "main", "3:ref4:main1", int32(0), uint8(0), false)
	f.Add(uint8(domain.NoEvent), int64(1), "a", "", "", int32(0), uint8(0), true)
	f.Add(uint8(domain.JobFinished), int64(1<<62), "é", "", "", int32(0), uint8(domain.Failed), true)
	f.Fuzz(func(t *testing.T, kind uint8, atMs int64, job, text, extra string, code int32, end uint8, named bool) {
		outcome := domain.Outcome(end)
		possible := outcome == domain.Complete || outcome == domain.Failed
		switch domain.Kind(kind) {
		case domain.JobStarted:
			encodes(t, domain.NewJobStarted(atMs, job))
		case domain.ShStarted:
			encodes(t, domain.NewShStarted(atMs, job, text))
		case domain.ShFinished:
			encodes(t, domain.NewShFinished(atMs, job, code))
		case domain.JobFinished:
			encodesIf(t, possible, domain.NewJobFinished(atMs, job, outcome))
		case domain.RunFinished:
			encodesIf(t, possible, domain.NewRunFinished(atMs, outcome))
		case domain.RunStarted:
			e := domain.Event{Kind: domain.RunStarted, AtMs: atMs, Extra: extra} // mostly none that the constructor makes
			_, err := jsonl.Append(nil, &e)
			encodesIf(t, err == nil, e)
			if labels, err := domain.NewLabels(domain.Label{Key: job, Value: text}, domain.Label{Key: text, Value: job}); err == nil {
				encodes(t, domain.NewRunStarted(atMs, labels))
			}
		case domain.Unknown:
			e := domain.NewUnknown(atMs, text, extra)
			if named {
				e = e.InJob(job)
			}
			_, err := jsonl.Append(nil, &e)
			encodesIf(t, err == nil, e)
		default:
			encodesIf(t, false, domain.Event{Kind: domain.Kind(kind), AtMs: atMs, JobID: job, HasJob: true})
		}
	})
}

// encodesIf checks that an event is written if it is possible, and is refused
// otherwise, with the bytes before it unchanged.
func encodesIf(t *testing.T, possible bool, event domain.Event) {
	if possible {
		encodes(t, event)
		return
	}
	if got, err := jsonl.Append([]byte("before"), &event); string(got) != "before" || !errors.Is(err, jsonl.ErrNotWritable) {
		t.Fatalf("%+v: got %q, %v", event, got, err)
	}
}
