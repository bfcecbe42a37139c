package report

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// MaxStepSummary is the limit of GitHub for the summary of a step, in bytes.
const MaxStepSummary = 1 << 20

// stepSummary is the environment variable with the path of the current step's summary.
const stepSummary = "GITHUB_STEP_SUMMARY"

// ErrNoStep is returned for reports for GitHub outside a step of GitHub Actions.
var ErrNoStep = errors.New("github is for a step of GitHub Actions, where $" + stepSummary + " names a file; elsewhere, use markdown")

// github writes runs for a step of GitHub Actions: to the output annotations for failed commands
// and, if there are logs, the ends of their logs; and Markdown to the step's summary. The output
// escapes all text that the runner would take for a command (actions/runner,
// src/Runner.Common/ActionCommand.cs).
type github struct {
	out     io.Writer
	path    string // of the summary
	apart   string // separates the report from the file's content
	summary comment
	runs    int
	failed  int // number of failed commands
	err     error
}

// maxAnnotations is how many annotations of one kind GitHub shows for a step.
const maxAnnotations = 10

func newGitHub(out io.Writer) document {
	g := &github{out: out, path: os.Getenv(stepSummary)}
	var size int
	size, g.apart, g.err = lookAt(g.path)
	g.summary.max = max(0, MaxStepSummary-size-len(g.apart))
	return g
}

// lookAt returns the size of a Markdown file, and the text that must separate more Markdown from
// its content.
func lookAt(path string) (size int, apart string, err error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return 0, "", err
	}
	last := []byte{0}
	if _, err := file.ReadAt(last, info.Size()-1); err != nil || last[0] != '\n' {
		apart = "\n"
	}
	return int(min(info.Size(), MaxStepSummary)), apart + "\n", nil
}

func (g *github) add(run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	if g.err != nil {
		return projections.Run{}, g.cannot(g.err)
	}
	with := options
	if !options.showCommands() {
		with.Projections = append(slices.Clone(options.chosen()), projections.ShEvents.Definition)
	}
	limits := g.summary.limits()
	limits.rows = max(limits.rows, maxAnnotations)
	d, err := readDigest(run, stream, with, limits)
	if err != nil {
		return projections.Run{}, err
	}
	g.summary.take(d, options)
	rows, _ := d.commands.shown.rows()
	g.failed += d.failedSh
	left := maxAnnotations - (g.failed - d.failedSh)
	of := ""
	if g.runs++; g.runs > 1 || options.several {
		of = display.Name(string(run)) + ": "
	}
	var b bytes.Buffer
	for i := range rows {
		if left > 0 && rows[i].verdict == display.Failed {
			left--
			annotate(&b, of, &rows[i].row, options.Logs)
		}
	}
	_, err = g.out.Write(b.Bytes())
	return d.run, err
}

// annotate writes the annotation of a failed command, and its log if there is one.
func annotate(b *bytes.Buffer, of string, c *command, logs *runlog.Dir) {
	title := shownID(of+c.name()) + " failed with " + display.Exit(c.code.V)
	fmt.Fprintf(b, "::error title=%s::%s\n", escapeProperty(title), escapeData(xmlText(cut(c.cmd, markdownCommand))))
	if logs == nil {
		return
	}
	end, err := logEnd(logs, c.log(), endLines, endSize, true)
	if err != nil {
		end = Printable(err.Error()) + "\n"
	}
	title, _ = display.Fit(of+c.name()+": "+c.cmd, maxHeading)
	token := rand.Text()
	fmt.Fprintf(b, "::group::%s\n::stop-commands::%s\n%s::%s::\n::endgroup::\n", escapeData(title), token, defuse(end), token)
}

const (
	endLines = 1000
	endSize  = 1 << 20
)

// logEnd returns the end of a command's log, as whole lines that are safe to show, with or without
// colours: at most lines lines and size bytes.
func logEnd(logs *runlog.Dir, c runlog.Command, lines int, size int64, color bool) (string, error) {
	file, err := logs.Open(c)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, more, err := runlog.Tail(file, lines, size)
	if err != nil {
		return "", printable.Error(err)
	}
	var b strings.Builder
	if more {
		b.WriteString("… the log begins before this\n")
	}
	safe := runlog.NewSafe(&b, color)
	_, _ = safe.Write(text)
	_ = safe.EndLine()
	return b.String(), nil
}

// close writes the summary, and says how many annotations were left out.
func (g *github) close(unread int) error {
	if g.err != nil {
		return g.cannot(g.err)
	}
	if more := g.failed - maxAnnotations; more > 0 {
		if _, err := fmt.Fprintf(g.out, "::notice::… %s failed; the summary of the step shows what fits\n", display.Plural(more, "more command")); err != nil {
			return err
		}
	}
	if g.summary.max <= maxClosing {
		_, err := fmt.Fprintf(g.out, "::warning::The summary of the step is full (%d bytes), and nothing was added to it\n", MaxStepSummary)
		return err
	}
	var text strings.Builder
	g.summary.out = &text
	_ = g.summary.close(unread) // a buffer never fails
	if text.Len() == 0 {
		return nil
	}
	file, err := os.OpenFile(g.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return g.cannot(err)
	}
	_, err = file.WriteString(g.apart + text.String())
	return g.cannot(cmp.Or(err, file.Close()))
}

func (g *github) cannot(err error) error {
	if err == nil {
		return nil
	}
	return &WriteError{fmt.Errorf("the summary of the step: %w", printable.Error(err))}
}

var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// escapeData escapes the message of a workflow command.
func escapeData(s string) string { return dataEscapes.Replace(s) }

// escapeProperty escapes a property of a workflow command.
func escapeProperty(s string) string { return propertyEscapes.Replace(s) }

const colors = "((?:\x1b\\[[0-9;]*m)*)" // as a runlog.Safe writes them

var (
	atBegin  = regexp.MustCompile("(?m)^((?:[ \t]|\x1b\\[[0-9;]*m)*):" + colors + ":")
	anywhere = regexp.MustCompile("#" + colors + "#" + colors + `\[`)
)

// defuse changes lines that the runner, or GitHub's page, would take for commands, with or without
// colours. The command stop-commands protects from the runner, but the page ignores it.
func defuse(text string) string {
	return anywhere.ReplaceAllString(atBegin.ReplaceAllString(text, `$1\x3a$2:`), `#$1\x23$2[`)
}
