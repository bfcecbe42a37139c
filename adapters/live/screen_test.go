package live

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// emulator is a terminal that knows what a screen writes, and nothing else. Lines do
// not leave it at the top.
type emulator struct {
	mu       sync.Mutex
	lines    [][]rune
	row, col int
	writes   int
	unknown  []string // sequences
	modes    map[string]bool
}

func newEmulator() *emulator { return &emulator{lines: [][]rune{nil}, modes: map[string]bool{}} }

var sequence = regexp.MustCompile("^\x1b\\[([?0-9;]*)([A-Za-z])")

func (e *emulator) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writes++
	for rest := string(p); rest != ""; {
		if found := sequence.FindStringSubmatch(rest); found != nil {
			e.control(found[1], found[2])
			rest = rest[len(found[0]):]
			continue
		}
		r, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		e.char(r)
	}
	return len(p), nil
}

func (e *emulator) control(argument, final string) {
	switch {
	case final == "A":
		n, _ := strconv.Atoi(argument)
		e.row = max(0, e.row-n)
	case final == "K" && argument == "":
		e.lines[e.row] = e.lines[e.row][:min(e.col, len(e.lines[e.row]))]
	case final == "J" && argument == "":
		e.lines[e.row] = e.lines[e.row][:min(e.col, len(e.lines[e.row]))]
		e.lines = e.lines[:e.row+1]
	case final == "h" || final == "l":
		e.modes[argument] = final == "h"
	case final == "m":
	default:
		e.unknown = append(e.unknown, argument+final)
	}
}

func (e *emulator) char(r rune) {
	switch r {
	case '\r':
		e.col = 0
	case '\n':
		if e.row++; e.row == len(e.lines) {
			e.lines = append(e.lines, nil)
		}
	default:
		line := e.lines[e.row]
		for len(line) <= e.col {
			line = append(line, ' ')
		}
		line[e.col] = r
		e.lines[e.row] = line
		e.col++
	}
}

// clear is what a user does: nothing is there any more.
func (e *emulator) clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines, e.row, e.col, e.writes = [][]rune{nil}, 0, 0, 0
}

// count returns how many writes there were since the terminal was cleared.
func (e *emulator) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writes
}

func (e *emulator) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var lines []string
	for _, line := range e.lines {
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n")
}

// Whatever was drawn before, the terminal shows what stood above, and the last
// lines; each time they differ there was one write; nothing is erased that is not written over
// at once, and the terminal is left as it was.
func TestScreenShowsTheLastLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terminal := newEmulator()
		fmt.Fprint(terminal, "$ quire-project follow\r\n")
		screen := screen{out: terminal}
		var last []string
		writes := 1
		for range rapid.IntRange(1, 6).Draw(t, "frames") {
			lines := rapid.SliceOfN(rapid.StringMatching(`[a-c]{0,5}`), 1, 5).Draw(t, "lines")
			if strings.Join(lines, "\n") != strings.Join(last, "\n") || last == nil {
				writes++
			}
			screen.draw(lines, 10)
			last = lines
			if got, want := terminal.text(), "$ quire-project follow\n"+strings.Join(lines, "\n")+"\n"; got != want {
				t.Fatalf("the terminal shows\n%q\nwant\n%q", got, want)
			}
		}
		require.Equal(t, writes, terminal.count())
		require.Empty(t, terminal.unknown)
		if !terminal.modes["?25"] || !terminal.modes["?7"] || terminal.modes["?2026"] {
			t.Fatalf("the terminal is left with %v", terminal.modes)
		}
	})
}

// Lines that a narrower terminal has wrapped take more rows.
func TestScreenHeight(t *testing.T) {
	s := screen{lines: []string{"", "12345", "\x1b[31m1234567890\x1b[0m", "日本語"}}
	for width, want := range map[int]int{80: 4, 10: 4, 9: 5, 5: 6, 3: 1 + 2 + 4 + 2} {
		if got := s.height(width); got != want {
			t.Errorf("%d rows in %d columns, want %d", got, width, want)
		}
	}
}
