package report_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
)

// loggedRun is a run with logs, as written by quire-ci or quire.
type loggedRun struct {
	path   string
	stream jsonl.Streams
	events []domain.Event
	failed []string // the commands that failed, as JOB/SEQ
	logged []string // commands with a log; the text of a log is its command's name
}

// drawLoggedRun writes a run to a folder. With spawns, quire could not start some of its commands:
// they have neither an end nor a log, and are not counted in the names of logs.
func drawLoggedRun(t *rapid.T, folder string, output func(name string) string) (r loggedRun) {
	quires := rapid.Bool().Draw(t, "quire's")
	for i := range rapid.IntRange(1, 4).Draw(t, "jobs") {
		job := fmt.Sprintf("job %d%s", i, rapid.SampledFrom([]string{"", "/x", "é", "'"}).Draw(t, "name"))
		failed := rapid.Bool().Draw(t, "failed")
		r.events = append(r.events, domain.NewJobStarted(1, job))
		closed := 0
		for n := range rapid.IntRange(0, 4).Draw(t, "commands") {
			seq := n + 1
			name := fmt.Sprintf("%s/%d", job, seq)
			r.events = append(r.events, domain.NewShStarted(2, job, "cmd "+name))
			if quires && rapid.Bool().Draw(t, "not spawned") {
				continue
			}
			closed++
			code := rapid.Int32Range(0, 1).Draw(t, "code")
			r.events = append(r.events, domain.NewShFinished(3, job, code))
			path := filepath.Join(folder, "jobs", job, fmt.Sprintf("sh-%d.log", closed))
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
			require.NoError(t, os.WriteFile(path, []byte("2026-11-23T14:41:54Z stdout F "+output(name)+"\n"), 0o600))
			r.logged = append(r.logged, name)
			if failed && code != 0 {
				r.failed = append(r.failed, name)
			}
		}
		r.events = append(r.events, domain.NewJobFinished(4, job, map[bool]domain.Outcome{true: domain.Failed, false: domain.Complete}[failed]))
	}
	r.path = filepath.Join(folder, "events.jsonl")
	var stream []byte
	for _, event := range r.events {
		var err error
		stream, err = jsonl.Append(stream, &event)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(r.path, stream, 0o600))
	r.stream = jsonl.Streams{Paths: []string{r.path}}
	return r
}

// The printed logs are those of the failed or named commands, whether the names of logs count all
// commands or only those that ended.
func TestLogs(t *testing.T) {
	base := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp(base, "")
		require.NoError(t, err)
		r := drawLoggedRun(t, folder, func(name string) string { return "\x1b[31moutput of " + name })
		logs := func(l report.Logs) (lines []string, err error) {
			var b bytes.Buffer
			l.Failed = func(err error) { t.Fatal(err) }
			err = l.Write(t.Context(), &b, r.stream)
			for line := range strings.Lines(b.String()) {
				if name, ok := strings.CutPrefix(line, "\x1b[31moutput of "); ok {
					lines = append(lines, strings.TrimSuffix(name, "\n"))
				} else {
					require.Regexp(t, `^(==> job .* (failed, exit 1|exit 1|complete): cmd job .*)?\n$`, line)
				}
			}
			return lines, err
		}
		got, err := logs(report.Logs{})
		if len(r.failed) == 0 {
			require.ErrorIs(t, err, report.ErrNoFailed)
		} else {
			require.NoError(t, err)
		}
		require.Equal(t, r.failed, got)
		for _, name := range r.logged {
			got, err := logs(report.Logs{Names: []string{name}})
			require.NoError(t, err)
			require.Equal(t, []string{name}, got)
		}
	})
}

// On a terminal, each log has a heading that fits, and only the colours of the output are kept, raw
// or not.
func TestLogsOnATerminal(t *testing.T) {
	base := t.TempDir()
	ours := regexp.MustCompile("\x1b\\[0?(;?[0-9]+)*m")
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp(base, "")
		require.NoError(t, err)
		r := drawLoggedRun(t, folder, func(string) string { return toRunner.Draw(t, "log") })
		l := report.Logs{Names: r.logged, Terminal: true, Raw: rapid.Bool().Draw(t, "raw"), Color: rapid.Bool().Draw(t, "color"), Width: rapid.IntRange(20, 200).Draw(t, "width"),
			Failed: func(err error) { t.Fatal(err) }}
		var b bytes.Buffer
		err = l.Write(t.Context(), &b, r.stream)
		if len(r.logged) == 0 {
			require.ErrorIs(t, err, report.ErrNoFailed)
			return
		}
		require.NoError(t, err)
		plain := ours.ReplaceAllString(b.String(), "")
		require.True(t, l.Color || plain == b.String(), "%q has colours", b.String())
		require.True(t, strings.HasSuffix(plain, "\n"))
		headings := 0
		for line := range strings.Lines(plain) {
			require.False(t, strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }), "%q", line)
			if strings.HasPrefix(line, "==> job ") {
				headings++
				require.LessOrEqual(t, text.StringWidth(line), l.Width)
			}
		}
		require.Equal(t, map[bool]int{false: len(r.logged), true: 0}[l.Raw], headings)
	})
}
