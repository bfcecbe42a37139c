package runlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// text draws the output of commands: lines, colours, damage.
func text() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{"\n", "\r", "\r\n", "\t", "a line\n", " ", "\x1b[31m", "\x1b[0m", "\x1b[38;5;200;48:2::1:2:3m", "\x1b[2J", "\x1b]0;title\x07", "\x1b]8;;https://example.org\x1b\\",
			"\x1b", "[", "m", "\x9b31m", "\u009b31m", "\u202e", "\x00", "\a", "é", "\xe9", "\xf0\x9f", "2026-11-23T14:41:54.2Z stdout F x\n", "stdout P "}),
		rapid.StringN(0, 8, -1), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }))
	return rapid.Map(rapid.SliceOfN(part, 0, 12), func(parts []string) string { return strings.Join(parts, "") })
}

// logOf draws a log of one output, in pieces.
func logOf(t *rapid.T, output, text string) (lines []string) {
	for text != "" {
		n := rapid.IntRange(1, len(text)).Draw(t, "piece")
		piece, tag := text[:n], "P"
		if line, _, ended := strings.Cut(piece, "\n"); ended {
			piece, tag, n = line, "F", len(line)+1
		}
		at := time.Unix(1, rapid.Int64Range(0, 1e9).Draw(t, "ns")).UTC().Format(time.RFC3339Nano)
		lines = append(lines, at+" "+output+" "+tag+" "+piece+"\n")
		text = text[n:]
	}
	return lines
}

func joined(t require.TestingT, log string) string {
	var b strings.Builder
	require.NoError(t, Text(&b, iotest.OneByteReader(strings.NewReader(log))))
	return b.String()
}

// Joining the pieces of a text gives the text.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := text().Draw(t, "text")
		require.Equal(t, want, joined(t, strings.Join(logOf(t, "stdout", want), "")))
	})
}

// The lines of two outputs are whole and in order, however their pieces alternate.
func TestJoinOfTwo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringMatching(`[a-z ]{0,6}\n`), 0, 5)
		out, err := lines.Draw(t, "out"), lines.Draw(t, "err")
		for i := range err {
			err[i] = "!" + err[i]
		}
		a, b := logOf(t, "stdout", strings.Join(out, "")), logOf(t, "stderr", strings.Join(err, ""))
		var log string
		for len(a)+len(b) > 0 {
			if len(b) == 0 || len(a) > 0 && rapid.Bool().Draw(t, "out") {
				log, a = log+a[0], a[1:]
			} else {
				log, b = log+b[0], b[1:]
			}
		}
		var gotOut, gotErr []string
		for line := range strings.Lines(joined(t, log)) {
			if strings.HasPrefix(line, "!") {
				gotErr = append(gotErr, line)
			} else {
				gotOut = append(gotOut, line)
			}
		}
		require.Equal(t, fmt.Sprint(out), fmt.Sprint(gotOut))
		require.Equal(t, fmt.Sprint(err), fmt.Sprint(gotErr))
	})
}

var criLine = regexp.MustCompile(`(?s)^(\S+) (stdout|stderr) ([FP]) (.*)$`)

// Text in another format is kept as it is. A slow reader of the format finds the same pieces.
func FuzzPieces(f *testing.F) {
	f.Add([]byte("2026-11-23T14:41:54.217000000Z stdout F a\n2026-11-23T14:41:54Z stderr P b"), uint8(1))
	f.Add([]byte("2026-11-23T14:41:54+01:00 stdout F \r\n\n x\n2026-11-23T14:41:54Z stdout F\n"), uint8(3))
	f.Add([]byte("2026-11-23T14:41:54Z stdin F x\n2026-13-23T14:41:54Z stdout F x\n2026-11-23T14:41:54,1Z stdout F x\n"), uint8(0))
	f.Fuzz(func(t *testing.T, log []byte, cut uint8) {
		type line struct {
			output Output
			text   string
			end    bool
		}
		var want, got []line
		for whole := range bytes.Lines(log) {
			ended := bytes.HasSuffix(whole, lineFeed)
			l := line{Damaged, string(bytes.TrimSuffix(whole, lineFeed)), ended}
			if m := criLine.FindStringSubmatch(l.text); m != nil {
				if at := new(time.Time); at.UnmarshalText([]byte(m[1])) == nil {
					l = line{map[string]Output{"stdout": Stdout, "stderr": Stderr}[m[2]], m[4], ended && m[3] == "F"}
				}
			}
			want = append(want, l)
			p := Parse(whole)
			require.Equal(t, l, line{p.Output, string(p.Text), p.End})
		}
		for p, err := range Pieces(&cutReader{log, int(cut) + 1}) {
			require.NoError(t, err)
			require.Equal(t, p.Output == Damaged, p.Time.IsZero() && p.Output != Stdout && p.Output != Stderr)
			got = append(got, line{p.Output, string(p.Text), p.End})
		}
		if len(log) <= 32<<10 {
			require.Equal(t, want, got)
		}
	})
}

// cutReader reads a few bytes at a time.
type cutReader struct {
	rest []byte
	most int
}

func (r *cutReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.most)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// endless is a log of one line without an end, which does not fit into memory.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	e.left -= n
	for i := range p[:n] {
		p[i] = 'x'
	}
	return n, nil
}

// Memory does not depend on the length of a line, whether whole, in pieces or damaged.
func TestLongLines(t *testing.T) {
	const size = 64 << 20
	prefix := "2026-11-23T14:41:54Z stdout P "
	piece := prefix + strings.Repeat("x", 16<<10) + "\n"
	for name, log := range map[string]io.Reader{
		"whole":   io.MultiReader(strings.NewReader(prefix), &endless{size}),
		"damaged": &endless{size},
		"pieces":  io.MultiReader(readers(size>>14, piece)...),
	} {
		var written counter
		before := allocatedBytes()
		require.NoError(t, Text(&written, log), name)
		require.EqualValues(t, size, written, name)
		require.Less(t, allocatedBytes()-before, uint64(8<<20), name)
	}
}

func readers(n int, text string) (all []io.Reader) {
	for range n {
		all = append(all, strings.NewReader(text))
	}
	return all
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// A line that is too long for memory is split where the other output continues, and nothing is lost.
func TestLongLineIsBroken(t *testing.T) {
	long := strings.Repeat("x", maxHeld)
	at := "2026-11-23T14:41:54Z "
	got := joined(t, at+"stdout P "+long+"\n"+at+"stdout P y\n"+at+"stderr F between\n"+at+"stdout F z\n")
	require.Equal(t, long+"y\nbetween\nz\n", got)
}

// An error in the middle of a log comes after the text before it.
func TestReadError(t *testing.T) {
	at := "2026-11-23T14:41:54Z "
	broken := errors.New("broken disk")
	var b strings.Builder
	err := Text(&b, io.MultiReader(strings.NewReader(at+"stdout F a\n"+at+"stderr P b\n"+at+"stdout F c"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.Equal(t, "a\nc\nb", b.String())
}

// The end of a log is the end of its text.
func TestTail(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		want := text().Draw(t, "text")
		log := strings.Join(logOf(t, "stderr", want), "")
		path := filepath.Join(folder, "log")
		require.NoError(t, os.WriteFile(path, []byte(log), 0o600))
		file, err := os.Open(path)
		require.NoError(t, err)
		defer file.Close()

		n := rapid.IntRange(1, 4).Draw(t, "lines")
		got, more, err := Tail(file, n, int64(len(log)+1))
		require.NoError(t, err)
		lines := strings.SplitAfter(want, "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		require.Equal(t, strings.Join(lines[max(0, len(lines)-n):], ""), string(got))
		require.Equal(t, len(lines) > n, more)

		size := rapid.Int64Range(1, int64(len(log)+1)).Draw(t, "size")
		got, more, err = Tail(file, n, size)
		require.NoError(t, err)
		require.LessOrEqual(t, int64(len(got)), size)
		require.True(t, more || string(got) == want, "more is left out than Tail says")
		if strings.Contains(log[max(0, len(log)-int(size)):], "\n2") { // a line begins in what is read
			require.True(t, strings.HasSuffix(want, string(got)), "%q is not the end of %q", got, want)
		}
	})
}

// A line that begins where reading begins is whole. If the last line begins before, its end is read.
func TestTailExamples(t *testing.T) {
	a, b := "2026-11-23T14:41:54Z stdout F a\n", "2026-11-23T14:41:54Z stdout F b\n"
	long := "2026-11-23T14:41:54Z stdout F " + strings.Repeat("x", 50) + "y"
	for _, test := range []struct {
		log  string
		size int
		want string
	}{
		{a + b, len(b), "b\n"},
		{a + b, len(b) + 1, "b\n"},
		{a + b, len(a + b), "a\nb\n"},
		{a + long + "\n", 5, "xxxy\n"},
		{a + long, 5, "xxxxy"},
		{"", 5, ""},
	} {
		path := filepath.Join(t.TempDir(), "log")
		require.NoError(t, os.WriteFile(path, []byte(test.log), 0o600))
		file, err := os.Open(path)
		require.NoError(t, err)
		got, more, err := Tail(file, 10, int64(test.size))
		require.NoError(t, err)
		require.NoError(t, file.Close())
		require.Equal(t, test.want, string(got))
		require.Equal(t, test.size < len(test.log), more)
	}
}

func allocatedBytes() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

func safe(color bool, parts ...string) string {
	var b strings.Builder
	s := NewSafe(&b, color)
	for _, part := range parts {
		_, _ = s.Write([]byte(part))
	}
	_ = s.End()
	return b.String()
}

var ourEscape = regexp.MustCompile("\x1b\\[0(;[0-9]+)*m")

func checkSafe(t require.TestingT, s string) {
	plain, coloured := safe(false, s), safe(true, s)
	require.True(t, utf8.ValidString(plain))
	for _, r := range plain {
		require.True(t, unicode.IsPrint(r) || r == '\n' || r == '\t', "%U in %q", r, plain)
	}
	require.Equal(t, plain, ourEscape.ReplaceAllString(coloured, ""), "colours change the text")
	require.Equal(t, plain, safe(false, plain), "what is safe is changed")
	require.Equal(t, coloured, safe(true, coloured), "what is safe is changed")
	for _, line := range strings.Split(coloured, "\n") { // each line ends in no style
		if escapes := ourEscape.FindAllString(line, -1); len(escapes) > 0 {
			require.Equal(t, "\x1b[0m", escapes[len(escapes)-1])
		}
	}
	if printable := !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }); printable && utf8.ValidString(s) {
		require.Equal(t, s, coloured, "text without escapes is changed")
	}
}

// Only printable text and colours reach a terminal, however the text is cut.
func TestSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := text().Draw(t, "text")
		checkSafe(t, s)
		cut := rapid.IntRange(0, len(s)).Draw(t, "cut")
		require.Equal(t, safe(true, s), safe(true, s[:cut], s[cut:]))
		require.Equal(t, safe(true, s), safe(true, strings.Split(s, "")...))
	})
}

func FuzzSafe(f *testing.F) {
	f.Add("a\x1b[31mred\x1b[0m\r\n\x1b[2K\x1b]0;t\x07\x9b5m\u202e", 3)
	f.Add("\x1b[38;2;1;2;3m\x1b[48:5:7m\x1b[4:3m\x1b[>4;2m\x1b[?25l", 9)
	f.Fuzz(func(t *testing.T, s string, cut int) {
		checkSafe(t, s)
		cut = min(max(cut, 0), len(s))
		require.Equal(t, safe(true, s), safe(true, s[:cut], s[cut:]))
	})
}

func TestSafeExamples(t *testing.T) {
	for _, example := range []struct{ text, plain, colour string }{
		{"a\tb\n", "a\tb\n", "a\tb\n"},
		{"\x1b[31mred\x1b[m\n", "red\n", "\x1b[0;31mred\x1b[0m\n"},
		{"\x1b[31mred\n\nred\x1b[m", "red\n\nred", "\x1b[0;31mred\x1b[0m\n\n\x1b[0;31mred\x1b[0m"},
		{"\x1b[1;4;7;91mx\x1b[22;24my", "xy", "\x1b[0;1;4;7;91mx\x1b[0;7;91my\x1b[0m"},
		{"\x1b[38;5;200mx\x1b[48;2;1;2;3my\x1b[39;49mz", "xyz", "\x1b[0;38;5;200mx\x1b[0;38;5;200;48;2;1;2;3my\x1b[0mz"},
		{"\x1b[38:5:9mx\x1b[38:2::1:2:3my\x1b[38:2:1:2:3mz", "xyz", "\x1b[0;91mx\x1b[0;38;2;1;2;3myz\x1b[0m"},
		{"\x1b[38;5;300mx\x1b[38;7;31my\x1b[58;5;1;31mz", "xyz", "xy\x1b[0;31mz\x1b[0m"},
		{"\x1b[4:3mx\x1b[4:0my", "xy", "\x1b[0;4mx\x1b[0my"},
		{"\x1b[5;8mhidden", "hidden", "hidden"},
		{"\x1b[>4;2m\x1b[?1m\x1b[1 m\x1b[99999mx", "x", "x"},
		{"10%\r20%\r\r\n", "10%\n20%\n", "10%\n20%\n"},
		{"10%\r\x1b[K20%\r", "10%\n20%", "10%\n20%"},
		{"\x1b[2J\x1b[1;1H\x1b(B\x1b=\x1b]0;title\x07a\x1b]8;;u\x1b\\link\x1b]8;;\x1b\\", "alink", "alink"},
		{"\x1b]0;never ended\nnext", "\nnext", "\nnext"},
		{"\x1b]0;a\x1b[31mb", "b", "\x1b[0;31mb\x1b[0m"},
		{"\x1b[3\x1b[31mx", "x", "\x1b[0;31mx\x1b[0m"},
		{"\x1b[3é\x1bé\x1b", "éé", "éé"},
		{"\a\x00\x7f\u009b\u202e\xff", `\a\x00\x7f\u009b\u202e` + "\uFFFD", `\a\x00\x7f\u009b\u202e` + "\uFFFD"},
	} {
		assert.Equal(t, example.plain, safe(false, example.text), "%q", example.text)
		assert.Equal(t, example.colour, safe(true, example.text), "%q", example.text)
	}
	assert.Equal(t, "x", safe(true, "\x1b["+strings.Repeat(";1", 1<<16)+"mx"), "a sequence that is too long")
}
