package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

// TestMain sets up a step of GitHub Actions for the tests of all formats.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "")
	if err == nil {
		err = os.Setenv("GITHUB_STEP_SUMMARY", filepath.Join(folder, "summary.md"))
	}
	if err != nil {
		panic(err)
	}
	status := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(status)
}

// runnerCommand is a workflow command as GitHub's runner parses it.
type runnerCommand struct{ name, title, data string }

var (
	// The runner knows two syntaxes of commands; the second one is recognized anywhere in a line.
	commandV2 = regexp.MustCompile(`^::([^ ]*?)(?: (.*?))?::(.*)$`)
	commandV1 = regexp.MustCompile(`##\[([^ \]]*)`)
	runners   = regexp.MustCompile(`(?i)^(error|warning|notice|debug|group|endgroup|stop-commands|add-mask|set-output|set-env|add-path|save-state|echo|add-matcher|remove-matcher)$`)
	fromData  = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	fromTitle = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
)

// runnerCommands reads an output as the runner does. A line ends with CR, LF or both. With obeys,
// stop-commands is heeded.
func runnerCommands(output string, obeys bool) (found []runnerCommand) {
	token := ""
	for _, line := range regexp.MustCompile(`\r\n|\r|\n`).Split(output, -1) {
		c := runnerCommand{}
		if m := commandV2.FindStringSubmatch(strings.TrimLeftFunc(line, unicode.IsSpace)); m != nil && (runners.MatchString(m[1]) || token != "" && strings.EqualFold(m[1], token)) {
			c = runnerCommand{m[1], fromTitle.Replace(strings.TrimPrefix(m[2], "title=")), fromData.Replace(m[3])}
		} else if m := commandV1.FindStringSubmatch(line); m != nil && runners.MatchString(m[1]) {
			c.name = m[1]
		}
		switch {
		case c.name == "", token != "" && obeys && c.name != token:
			continue
		case c.name == "stop-commands":
			token = c.data
		case c.name == token:
			token = ""
		}
		found = append(found, c)
	}
	return found
}

// toRunner is text that tries to be a workflow command.
var toRunner = rapid.Map(rapid.SliceOfN(rapid.OneOf(
	rapid.SampledFrom([]string{"\n", "\r", "::", ":", " ", "\t", "\u00a0", "\x1b[31m", "\x1b[0m", "##[", "#", "error", "group", "endgroup", "]", "::endgroup::", "::stop-commands::x", "::add-mask::a", "##[error]x",
		"::set-output name=a::b\n", "%", "%0A", "%25", ",", "title=", "\n\x1b[31m::endgroup::", "#\x1b[1m#\x1b[0m[error]x", "\n:\x1b[1m:endgroup::", "::error title=a::b\n", "\n::warning::", "\r::notice::x", "\x00", "\x1b]0;::error::\n", "日本"}),
	rapid.StringN(0, 4, -1)), 0, 10), func(parts []string) string { return strings.Join(parts, "") })

// inStep sets up a step whose summary already has a text, and returns how to read the summary.
func inStep(t *testing.T) (before func(t require.TestingT, text string), after func(t require.TestingT) string) {
	path := filepath.Join(t.TempDir(), "summary.md")
	t.Setenv("GITHUB_STEP_SUMMARY", path)
	return func(t require.TestingT, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) },
		func(t require.TestingT) string {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			return string(text)
		}
}

// Whatever jobs, commands and logs contain, the runner sees only the annotations and groups of
// failed commands.
func TestNoTextIsACommandToTheRunner(t *testing.T) {
	before, _ := inStep(t)
	base := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		before(t, "")
		folder, err := os.MkdirTemp(base, "")
		require.NoError(t, err)
		text := func(string) string {
			return strings.ReplaceAll(toRunner.Draw(t, "log"), "\n", "\n2026-11-23T14:41:54Z stdout F ")
		}
		r := drawLoggedRun(t, folder, text)
		var out bytes.Buffer
		logs := rapid.SampledFrom([]string{"", folder}).Draw(t, "logs")
		require.NoError(t, report.Files{Format: report.GitHub, Logs: logs}.Write(t.Context(), &out, r.stream))
		var want []string
		for i, name := range r.failed {
			if i == 10 {
				want = append(want, "notice")
				break
			}
			want = append(want, "error "+name+" failed with exit 1")
			if logs != "" {
				want = append(want, "group", "stop-commands", "token", "endgroup")
			}
		}
		// The runner obeys stop-commands; GitHub's page does not, and may remove colours first.
		plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(out.String(), "")
		for _, read := range [][]runnerCommand{runnerCommands(out.String(), true), runnerCommands(out.String(), false), runnerCommands(plain, false)} {
			var got []string
			token := ""
			for _, c := range read {
				switch c.name {
				case "stop-commands":
					token = c.data
				case token:
					c.name = "token"
				}
				got = append(got, strings.TrimSpace(c.name+" "+c.title))
			}
			require.Equal(t, want, got, "of %q", out.String())
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		before(t, "")
		job, cmd := toRunner.Draw(t, "job"), toRunner.Draw(t, "cmd")
		out := write(t, report.GitHub, laws.Entries([]domain.Event{domain.NewJobStarted(0, job), domain.NewShStarted(0, job, cmd),
			domain.NewShFinished(1, job, -7), domain.NewJobFinished(2, job, domain.Failed)}), report.Options{})
		require.Equal(t, []runnerCommand{{"error", shownID(job+"/1") + " failed with exit -7", runnerData(cmd)}}, runnerCommands(out, true), "of %q", out)
	})
}

func shownID(id string) string {
	shown, _ := display.Fit(id, 200)
	return shown
}

// runnerData returns a command as its annotation has it.
func runnerData(cmd string) string {
	return regexp.MustCompile(`[^\n\t]+`).ReplaceAllStringFunc(string([]rune(cmd)), report.Printable)
}

// The summary fits its limit, whatever it contains before, and that content stays.
func TestSummaryFitsTheStep(t *testing.T) {
	before, after := inStep(t)
	failing := large(30_000, "x", true)
	sizes := rapid.OneOf(rapid.IntRange(0, 3000), rapid.IntRange(report.MaxStepSummary-3000, report.MaxStepSummary+3000), rapid.IntRange(0, report.MaxStepSummary))
	check := func(t require.TestingT, text string, runs ...[]domain.Entry) (added string) {
		before(t, text)
		var out bytes.Buffer
		w, err := report.NewWriter(&out, report.GitHub)
		require.NoError(t, err)
		for i, run := range runs {
			_, err := w.Add(domain.RunID("run-"+strconv.Itoa(i)), stream(run), report.Options{})
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		added, kept := strings.CutPrefix(after(t), text)
		require.True(t, kept, "what was there is gone")
		if len(text) <= report.MaxStepSummary {
			require.LessOrEqual(t, len(text)+len(added), report.MaxStepSummary)
		}
		if len(text) < report.MaxStepSummary-1000 {
			require.Contains(t, added, "run-")
			require.True(t, text == "" || strings.HasPrefix(added, "\n"), "%.20q", added)
		}
		if added == "" {
			require.Contains(t, out.String(), "::warning::The summary of the step is full")
		}
		for line := range strings.Lines(added) {
			require.False(t, strings.HasPrefix(line, "|") && !strings.HasSuffix(line, " |\n"), "a row is cut: %q", line)
		}
		return added
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Repeat(rapid.SampledFrom([]string{"x", "\n"}).Draw(t, "before"), sizes.Draw(t, "size"))
		if rapid.IntRange(0, 9).Draw(t, "large") == 0 {
			check(t, text, failing)
			return
		}
		check(t, text, rapid.SliceOfN(laws.Streams(), 1, 30).Draw(t, "runs")...)
	})
	added := check(t, "", failing)
	assert.Greater(t, len(added), report.MaxStepSummary*9/10)
	assert.Contains(t, added, "| ❌ | a | 30000 | 1 |")
	assert.Equal(t, 30_000, strings.Count(added, "<code>x")+left(t, added, "command"))
}

// At most ten commands have an annotation, in one run or in several.
func TestAnnotations(t *testing.T) {
	before, after := inStep(t)
	before(t, "before")
	var events []domain.Event
	for i := range 12 {
		job := "job " + strconv.Itoa(i)
		events = append(events, domain.NewJobStarted(0, job), domain.NewShStarted(0, job, "a\n\tb: c, d%\x1b"), domain.NewShFinished(1, job, 3), domain.NewJobFinished(2, job, domain.Failed))
	}
	run := laws.Entries(events)
	out := writeAll(t, report.GitHub, report.Options{Projections: only("jobs")}, run[:24], run)
	assert.Equal(t, "::error title=job 0/1 failed with exit 3::a%0A\tb: c, d%25\\x1b\n", out[:strings.Index(out, "\n")+1])
	assert.Equal(t, 10, strings.Count(out, "::error "))
	assert.Contains(t, out, "\n::error title=run-1%3A job 0/1 failed with exit 3::")
	assert.Contains(t, out, "\n::notice::… 8 more commands failed; the summary of the step shows what fits\n")
	assert.NotContains(t, after(t), "<code>", "commands although only jobs are asked for")
	assert.Contains(t, after(t), "before\n\n\n| ")
}

// Outside a step, or if the summary cannot be written, the error says why.
func TestNoStep(t *testing.T) {
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	_, err := report.Write(&bytes.Buffer{}, report.GitHub, "r", stream(large(1, "x", true)), report.Options{})
	require.ErrorIs(t, err, report.ErrNoStep)
	t.Setenv("GITHUB_STEP_SUMMARY", t.TempDir())
	_, err = report.Write(&bytes.Buffer{}, report.GitHub, "r", stream(large(1, "x", true)), report.Options{})
	require.ErrorContains(t, err, "the summary of the step: ")
	require.ErrorAs(t, err, new(*report.WriteError))
}
