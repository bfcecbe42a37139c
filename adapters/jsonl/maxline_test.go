package jsonl_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
)

// One event in three forms, one for each decoder.
var forms = map[string]string{
	"canonical": `{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"%s"}`,
	"loose":     `{"type":"sh_started", "at_ms":1,"job_id":"a","cmd":"%s"}`,
	"general":   `{"type":"sh_started","at\u005fms":1,"job_id":"a","cmd":"%s"}`,
}

// long returns an event's line of size bytes.
func long(form string, size int) string {
	return fmt.Sprintf(form, strings.Repeat("x", size-len(form)+len("%s")))
}

func TestMaxLine(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	// Within the first buffer, larger than it, and larger than it grows by itself.
	for _, limit := range []int{80, 16<<10 - 1, 16 << 10, 40_000, 100_000} {
		for name, form := range forms {
			fits, longer, far := long(form, limit), long(form, limit+1), long(form, 5*limit+100_000)
			for _, test := range []struct{ stream, want string }{
				{fits + "\n", "E1"},
				{fits + "\r\n", "E1"},
				{fits, "E1"},
				{fits + "\r", "E1"},
				{longer + "\n", "M1"},
				{longer + "\r\n", "M1"},
				{longer, "T1"},
				{longer + "\r", "T1"},
				{fits[:limit-1] + "\r\r\n", "M1"}, // the first of the two is in the string
				{far + "\n", "M1"},
				{far, "T1"},
				{event + "\n" + far + "\n" + far + "\r\n" + longer + "\n\n" + fits + "\n" + far, "E1 M2 M3 M4 E6 T7"},
			} {
				testMaxLine(t, name, limit, test.stream, test.want)
			}
		}
	}
}

func testMaxLine(t *testing.T, name string, limit int, stream, want string) {
	t.Helper()
	for cut, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(src io.Reader) io.Reader { return src },
		"half":  iotest.HalfReader,
		"odd":   func(src io.Reader) io.Reader { return &chunks{src: src, sizes: []int{limit + 1, 1, 0, 1000}} },
	} {
		options := jsonl.Options{MaxLine: limit, OnMalformed: jsonl.Skip}
		all := readAll(wrap(strings.NewReader(stream)), options)
		var got []string
		for _, entry := range all.entries {
			letter, _, _ := strings.Cut(shape(all.entries[len(got):len(got)+1]), "@")
			got = append(got, letter)
			assert.Equal(t, lineStart(stream, entry.Line), entry.Offset, "%s, %s, limit %d: line %d", name, cut, limit, entry.Line)
		}
		assert.Equal(t, want, strings.Join(got, " "), "%s, %s, limit %d", name, cut, limit)
		assert.NoError(t, all.err, "%s, %s, limit %d", name, cut, limit)
		for _, skipped := range all.skipped {
			tooLong := skipped.Column == int64(limit)+1 && skipped.Reason == fmt.Sprintf("the line is longer than %d bytes", limit)
			if !tooLong && !strings.Contains(stream, "\r\r") {
				t.Errorf("%s, %s, limit %d: column %d, %s", name, cut, limit, skipped.Column, skipped.Reason)
			}
		}
	}
}

func lineStart(stream string, line int64) int64 {
	start := 0
	for ; line > 1; line-- {
		start += strings.IndexByte(stream[start:], '\n') + 1
	}
	return int64(start)
}

// Limits that mean no limit, or exceed the memory.
func TestMaxLineExtremes(t *testing.T) {
	stream := event + "\n" + long(forms["canonical"], 100_000) + "\n" + event
	want := readAll(strings.NewReader(stream), jsonl.Options{})
	require.Len(t, want.entries, 3)
	require.NoError(t, want.err)
	for _, limit := range []int{-1, math.MinInt, math.MaxInt, math.MaxInt - 1, math.MaxInt - 64} {
		assert.Equal(t, want, readAll(strings.NewReader(stream), jsonl.Options{MaxLine: limit}), "%d", limit)
	}
}

// endless reads as many bytes as are left, without a line feed.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(e.left, len(p))
	e.left -= n
	for len(p) > 0 {
		p = p[copy(p, endlessText):]
	}
	return n, nil
}

var endlessText = bytes.Repeat([]byte("x"), 64<<10)

func TestMemoryIsBoundedByTheLimit(t *testing.T) {
	const limit = 1 << 20
	for _, skip := range []jsonl.OnMalformed{jsonl.Stop, jsonl.Skip} {
		used := allocated(func() {
			all := readAll(&endless{left: 1 << 30}, jsonl.Options{MaxLine: limit, OnMalformed: skip})
			if got := shape(all.entries); got != "T1@0" || all.err != nil {
				t.Errorf("got %s, %v", got, all.err)
			}
		})
		if used > 4*limit {
			t.Errorf("a line of 1 GiB made it allocate %d bytes, the limit being %d", used, limit)
		}
	}
}

// Lines of the largest length cost a few times that length in memory. The next line
// adds only its string.
func TestMemoryOfLongLines(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	const limit, lines = 1 << 20, 50
	stream := strings.Repeat(long(forms["canonical"], limit)+"\n", lines)
	used := allocated(func() {
		assert.Len(t, readAll(strings.NewReader(stream), jsonl.Options{MaxLine: limit}).entries, lines)
	})
	if used > (lines+5)*2*limit {
		t.Errorf("%d lines of %d bytes made it allocate %d bytes", lines, limit, used)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
