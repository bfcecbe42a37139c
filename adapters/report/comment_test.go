package report_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// large returns a run with many commands; if fails is set, the last one fails.
func large(commands int, cmd string, fails bool) []domain.Entry {
	events := []domain.Event{domain.NewJobStarted(0, "a")}
	code, outcome := int32(0), domain.Complete
	for i := range commands {
		if i == commands-1 && fails {
			code, outcome = 1, domain.Failed
		}
		events = append(events, domain.NewShStarted(1, "a", fmt.Sprint(cmd, i)), domain.NewShFinished(2, "a", code))
	}
	return laws.Entries(append(events, domain.NewJobFinished(3, "a", outcome), domain.NewRunFinished(3, outcome)))
}

var leftOut = regexp.MustCompile(`… (\d+) more (\w+) left out`)

// left returns how many rows or runs the text says are left out.
func left(t rapid.TB, text, what string) (n int) {
	t.Helper()
	for _, found := range leftOut.FindAllStringSubmatch(text, -1) {
		if strings.TrimSuffix(found[2], "s") == what {
			count, err := strconv.Atoi(found[1])
			require.NoError(t, err)
			n += count
		}
	}
	return n
}

// wholeRows fails if a row of a table is cut, or if the text is too long for a comment.
func wholeRows(t rapid.TB, text string) {
	t.Helper()
	if len(text) > report.MaxMarkdown {
		t.Fatalf("%d bytes", len(text))
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, " |\n") {
			t.Fatalf("a row is cut: %q", line)
		}
	}
}

// The Markdown of a run fits into a comment, in whole rows, failed ones first; every row is shown
// or counted.
func TestMarkdownFitsAComment(t *testing.T) {
	for _, commands := range []int{0, 10, 3000, 15_000} {
		for _, fails := range []bool{false, true} {
			for _, cmd := range []string{"x", strings.Repeat("<", 50), strings.Repeat("日", 5000)} {
				if commands > 3000 && len(cmd) > 100 {
					continue
				}
				got := write(t, report.Markdown, large(commands, cmd, fails), report.Options{Projections: only("run", "jobs", "sh_events")})
				wholeRows(t, got)
				rows := strings.Count(got, "<code>")
				require.Equal(t, commands, rows+left(t, got, "command"), "%d commands: %d rows, %d left out", commands, rows, left(t, got, "command"))
				if commands > 10 && len(got) < report.MaxMarkdown/2 {
					t.Errorf("%d commands: only %d bytes", commands, len(got))
				}
				if fails && commands > 0 && !strings.Contains(got, fmt.Sprintf("| ❌ | a | %d | 1 |", commands)) {
					t.Errorf("the failed one of %d commands is left out", commands)
				}
			}
		}
	}
}

// Failed rows are kept, wherever they are in the stream; in a cut table they come first.
func TestFailedRowsAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		jobs := rapid.SampledFrom([]int{1, 2, 50, 700, 3000}).Draw(t, "jobs")
		fail := map[int]bool{}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, jobs-1), 1, 20).Draw(t, "failed") {
			fail[i] = true
		}
		var events []domain.Event
		for i := range jobs {
			job, outcome := fmt.Sprintf("job-%d", i), domain.Complete
			if fail[i] {
				outcome = domain.Failed
			}
			// Every command ends with 7; the end of its job decides whether that is a failure.
			events = append(events, domain.NewJobStarted(0, job), domain.NewShStarted(0, job, "x"), domain.NewShFinished(1, job, 7), domain.NewJobFinished(2, job, outcome))
		}
		got := write(t, report.Markdown, laws.Entries(events), report.Options{})
		wholeRows(t, got)
		if n := strings.Count(got, "| ❌ |"); n != 2*len(fail) {
			t.Fatalf("%d rows of %d jobs that failed, and their commands", n, len(fail))
		}
		if want := fmt.Sprintf("%d commands (%d failed)", jobs, len(fail)); jobs > 1 && !strings.Contains(got, want) {
			t.Fatalf("no %q", want)
		}
		if left(t, got, "job") > 0 && !regexp.MustCompile(`---: \|\n\| ❌`).MatchString(got) {
			t.Fatal("what failed does not come first")
		}
	})
}

// The Markdown of many runs fits into one comment: every run is read, and is shown or counted,
// failed ones first if there is too little room.
func TestCommentOfManyRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out strings.Builder
		comment, err := report.NewWriter(&out, report.Markdown)
		require.NoError(t, err)
		runs := rapid.SampledFrom([]int{0, 1, 2, 30, 98, 98, 200, 1200}).Draw(t, "runs")
		commands := rapid.SampledFrom([]int{0, 1, 40, 900}).Draw(t, "commands")
		failed := 0
		for i := range runs {
			n := 0
			if i%97 == 0 {
				n = commands
			}
			fails := n > 0 && i%2 == 1
			if fails {
				failed++
			}
			row, err := comment.Add(domain.RunID(fmt.Sprintf("run-%d", i)), stream(large(n, "make ", fails)), report.Options{})
			require.NoError(t, err, row)
			require.Equal(t, fails, (row.State == projections.Failed), row)
		}
		unread := rapid.IntRange(0, 2).Draw(t, "unread")
		for range unread {
			comment.Unread()
		}
		require.NoError(t, comment.Close())
		got := out.String()
		wholeRows(t, got)
		if n := strings.Count(got, "### "); n+left(t, got, "run") != runs {
			t.Fatalf("%d of %d runs, %d left out", n, runs, left(t, got, "run"))
		}
		require.Equal(t, failed, strings.Count(got, "### ❌"))
		if at := strings.Index(got, "### ✅"); left(t, got, "run") > 0 && at >= 0 && strings.Contains(got[at:], "### ❌") {
			t.Fatal("a run that failed comes behind one that did not")
		}
		require.Equal(t, strings.Contains(got, "could not be read"), (unread > 0), "%d runs could not be read", unread)
	})
}

// Failed runs share the room: each shows its failed command.
func TestFailedRunsShareAComment(t *testing.T) {
	var out strings.Builder
	comment, err := report.NewWriter(&out, report.Markdown)
	require.NoError(t, err)
	for i := range 10 {
		_, err := comment.Add(domain.RunID(fmt.Sprintf("run-%d", i)), stream(large(3000, "make ", true)), report.Options{})
		require.NoError(t, err)
	}
	require.NoError(t, comment.Close())
	wholeRows(t, out.String())
	assert.Equal(t, 10, strings.Count(out.String(), "<code>make 2999</code>"))
}
