package live

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// colorEscape is the only kind of escape sequence that a frame has.
var colorEscape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// A frame stays within its size and controls nothing but colours, and those only
// if it is to have them, whatever the streams hold.
func TestFrameIsWithinItsSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		board := boards().Draw(t, "board")
		width, height := rapid.IntRange(-1, 100).Draw(t, "width"), rapid.IntRange(-1, 30).Draw(t, "height")
		color := rapid.Bool().Draw(t, "color")
		now := moments().Draw(t, "now")
		frame := board.Frame(width, height, now, color)
		if width <= 0 || height <= 0 {
			require.Equal(t, "", frame, "%dx%d", width, height)
			return
		}
		if empty := len(board.runs) == 0; width >= 10 && empty != strings.HasPrefix(colorEscape.ReplaceAllString(frame, ""), "no run yet") {
			t.Fatalf("of %d runs:\n%s", len(board.runs), frame)
		}
		lines := strings.Split(frame, "\n")
		require.LessOrEqual(t, len(lines), height, "%d lines, want at most %d:\n%s", len(lines), height, frame)
		for _, line := range lines {
			bare := line
			if color {
				bare = colorEscape.ReplaceAllString(line, "")
			}
			if w := columnsOf(bare); w > width {
				t.Fatalf("%d columns, want at most %d: %q", w, width, line)
			}
			for _, r := range bare {
				require.True(t, unicode.IsPrint(r), "%U in %q", r, line)
			}
		}
		require.Equal(t, frame, board.Frame(width, height, now, color), "the same board")
	})
}

// Colours are all that colour adds.
func TestFrameColors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		board := boards().Draw(t, "board")
		now := moments().Draw(t, "now")
		with, without := board.Frame(60, 20, now, true), board.Frame(60, 20, now, false)
		// Spaces that are coloured stay at the end of a line.
		require.Equal(t, trimLines(without), trimLines(colorEscape.ReplaceAllString(with, "")), "with colours")
		if len(board.runs) > 0 && with == without {
			t.Fatalf("no colours: %q", with)
		}
	})
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// In a frame that is high enough, every job has its line, and each failure.
func TestFrameShowsAllThereIsRoomFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		jobs := rapid.IntRange(0, 12).Draw(t, "jobs")
		board := newFedBoard()
		var events []domain.Event
		for i := range jobs {
			id := "job-" + string(rune('a'+i))
			events = append(events, domain.NewJobStarted(int64(i), id), domain.NewShStarted(int64(i), id, "do-"+id))
			if rapid.Bool().Draw(t, "fails") {
				events = append(events, domain.NewShFinished(int64(i), id, 7), domain.NewJobFinished(int64(i), id, domain.Failed))
			}
		}
		take(board, "r", events...)
		height := 1 + 2*jobs
		frame := board.Frame(80, height, time.UnixMilli(20), false)
		for i := range jobs {
			id := "job-" + string(rune('a'+i))
			require.Contains(t, frame, " "+id+" ", id)
			require.Contains(t, frame, "do-"+id, id)
		}
		require.NotContains(t, frame, "more", "something is left out")
	})
}

// Where there is too little room, every job is either shown or counted, and what
// runs or failed is not given up for what is done.
func TestFrameCountsWhatItLeavesOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		board := newFedBoard()
		var want tally
		var events []domain.Event
		for i := range rapid.IntRange(1, 30).Draw(t, "jobs") {
			id := "job-" + string(rune('a'+i))
			events = append(events, domain.NewJobStarted(0, id))
			s := rapid.SampledFrom([]status{complete, failed, active}).Draw(t, "status")
			want.count(s)
			switch s {
			case complete:
				events = append(events, domain.NewJobFinished(1, id, domain.Complete))
			case failed:
				events = append(events, domain.NewJobFinished(1, id, domain.Failed))
			}
		}
		take(board, "r", events...)
		height := rapid.IntRange(3, 20).Draw(t, "height")
		frame := board.Frame(80, height, time.UnixMilli(2), false)
		var shown tally
		for _, s := range []status{complete, failed, active} {
			shown[s] = strings.Count(frame, "  "+s.mark()+" job-")
		}
		if shown == want {
			return
		}
		hidden := want
		for s := range hidden {
			hidden[s] -= shown[s]
		}
		require.True(t, strings.HasSuffix(frame, "\n  … "+hidden.more("job")), "want %v, and at the end … %s:\n%s", want, hidden.more("job"), frame)
		if lines := strings.Count(frame, "\n") + 1; lines != height {
			t.Fatalf("%d lines of %d:\n%s", lines, height, frame)
		}
		if shown[complete] > 0 && (shown[active] < want[active] || shown[failed] < want[failed]) {
			t.Fatalf("a job that is done is shown, and not all others:\n%s", frame)
		}
	})
}

// Every run is shown or counted. Active runs come first, the newest of them at the top.
func TestFrameOrdersRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		board := newFedBoard()
		kinds := rapid.SliceOfN(rapid.SampledFrom([]status{active, failed, complete}), 1, 20).Draw(t, "runs")
		for i, s := range kinds {
			id, at := domain.RunID("run-"+string(rune('a'+i))), int64(i*1000)
			take(board, id, domain.NewJobStarted(at, "build"))
			switch s {
			case failed:
				take(board, id, domain.NewRunFinished(at, domain.Failed))
			case complete:
				take(board, id, domain.NewRunFinished(at, domain.Complete))
			}
		}
		height := rapid.IntRange(2, 30).Draw(t, "height")
		frame := board.Frame(80, height, time.UnixMilli(30_000), false)
		got := regexp.MustCompile(`(?m)^[●✗✓] run-\w`).FindAllString(frame, -1)
		var want []string
		var hidden tally
		for _, s := range []status{active, failed, complete} {
			for i := len(kinds) - 1; i >= 0; i-- {
				switch {
				case kinds[i] != s:
				case len(want) < len(got):
					want = append(want, s.mark()+" run-"+string(rune('a'+i)))
				default:
					hidden.count(s)
				}
			}
		}
		require.Equal(t, strings.Join(want, ","), strings.Join(got, ","))
		require.Equal(t, strings.Contains(frame, "\n… "+hidden.more("run")), hidden.total() > 0)
		expected := len(kinds) // of those that are complete, some may give way to details of others
		if done := strings.Count(strings.Join(want, ""), "✓") + hidden[complete]; done > 3 && done < len(kinds) {
			expected += 3 - done
		}
		require.GreaterOrEqual(t, len(got), min(expected, height-1), "%d of %d runs in %d lines:\n%s", len(got), len(kinds), height, frame)
	})
}

// take gives a board some events of a run.
func take(view interface {
	Take(domain.RunID, []domain.Entry)
}, run domain.RunID, events ...domain.Event) {
	entries := make([]domain.Entry, len(events))
	for i := range events {
		entries[i].Event = events[i]
	}
	view.Take(run, entries)
}

// columnsOf adds up the widths of characters.
func columnsOf(s string) (columns int) {
	for _, r := range s {
		columns += text.RuneWidth(r)
	}
	return columns
}
