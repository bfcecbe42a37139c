package report

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// junit writes runs as JUnit XML, with the elements that Jenkins, GitLab and Buildkite all
// understand (see testdata/junit.xsd): a job is a suite, a command is a case. The name of a case
// has the command's number and text, but not the run's id, so that these tools find its history.
//
// A run that failed or has no end never looks successful: if no command shows that, a case for the
// job or the run does.
type junit struct {
	out    *bufio.Writer
	xml    *xml.Encoder
	suites map[string]bool // used names
}

func newJUnit(out io.Writer) document {
	j := &junit{out: bufio.NewWriterSize(out, flushSize), suites: map[string]bool{}}
	j.out.WriteString(xml.Header + "<testsuites name=\"quire\">\n") // an error is returned by Close
	j.xml = xml.NewEncoder(struct{ io.Writer }{j.out})              // so that the encoder cannot flush it
	j.xml.Indent("", " ")
	return j
}

// testcase is a command, or a case for a whole job or run.
type testcase struct {
	XMLName   struct{} `xml:"testcase"`
	Name      string   `xml:"name,attr"`
	Classname string   `xml:"classname,attr"`
	Time      string   `xml:"time,attr,omitempty"`
	Error     *problem `xml:"error"`
	Failure   *problem `xml:"failure"`
	Out       string   `xml:"system-out,omitempty"`

	command runlog.Command
	code    int32
	cmd     string // the beginning of a command that may not have passed
}

// problem is the reason why a case has not passed. GitLab shows its text; others show the message,
// too.
type problem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func (c *testcase) passed() bool { return c.Error == nil && c.Failure == nil }

func (j *junit) add(run domain.RunID, stream projections.Stream, options Options) (row projections.Run, err error) {
	r := &junitRun{junit: j, run: run, logs: options.Logs, jobs: map[int][]testcase{}, ended: map[int]int{}}
	row, err = fold(run, projections.BeforeEach(stream, j.broken), nil, projections.Observe(r.step, r.open))
	if err != nil {
		return row, err
	}
	r.whole(&row)
	return row, j.broken()
}

func (j *junit) close(unread int) error {
	if unread > 0 {
		read := testcase{Name: "read", Error: &problem{Message: display.Plural(unread, "run") + " could not be read", Type: "unread"}}
		(&junitRun{junit: j}).suite("(streams)", nil, []testcase{read}, 0)
	}
	j.out.WriteString("\n</testsuites>\n")
	return j.out.Flush()
}

// broken returns the error of the writer, if it has one.
func (j *junit) broken() error {
	_, err := j.out.Write(nil)
	return err
}

func attr(name, value string) xml.Attr { return xml.Attr{Name: xml.Name{Local: name}, Value: value} }

// junitRun writes the suites of a run: each when its job has ended and no command of it is open,
// the others at the end.
type junitRun struct {
	*junit
	run       domain.RunID
	logs      *runlog.Dir        // may be nil
	jobs      map[int][]testcase // commands of jobs whose suites are not written, by index of the job
	ended     map[int]int        // number of commands in the written suite of a job, by index of the job
	written   int                // suites
	notPassed int                // cases
}

func (r *junitRun) step(step *projections.Step) {
	switch {
	case step.ShCloses:
		c := r.command(step.Job, step.Sh)
		c.command.Nth = r.closed(step.Job) + 1
		c.Time = seconds(projections.Span(step.Sh.StartedAtMs, step.AtMs))
		if c.code = step.ExitCode; c.code != 0 {
			c.cmd = clip(step.Sh.Cmd, maxCaseText)
		}
		r.jobs[step.Job.Index] = append(r.jobs[step.Job.Index], c)
	case step.JobEnds && step.Job.OpenSh == 0:
		r.job(step.Job)
	}
}

// open, at the end of the stream, writes the suites of the other jobs.
func (r *junitRun) open(run *projections.Tracker) {
	open := map[int][]testcase{}
	run.EachOpenSh(func(job *projections.TrackedJob, sh *projections.TrackedSh) {
		c := r.command(job, sh)
		c.cmd, c.Error = clip(sh.Cmd, maxCaseText), &problem{Message: "the command has no sh_finished", Type: "unfinished"}
		if sh.Seq == job.ShCount {
			c.command.Nth = r.closed(job) + 1
		}
		open[job.Index] = append(open[job.Index], c)
	})
	for job := range run.Jobs() {
		r.jobs[job.Index] = append(r.jobs[job.Index], open[job.Index]...)
		if _, ok := r.ended[job.Index]; !ok || len(r.jobs[job.Index]) > 0 {
			r.job(job)
		}
	}
}

// Limits on a case that has not passed: characters of its command, and lines and bytes of its log.
const (
	maxCaseText  = 10_000
	caseLogLines = 100
	caseLogSize  = 16 << 10
)

func (r *junitRun) command(job *projections.TrackedJob, sh *projections.TrackedSh) testcase {
	return testcase{Name: strconv.Itoa(sh.Seq) + ". " + Printable(title(sh.Cmd)), command: runlog.Command{JobID: job.ID, Seq: sh.Seq}}
}

// closed returns the number of closed commands of a job.
func (r *junitRun) closed(job *projections.TrackedJob) int {
	return r.ended[job.Index] + len(r.jobs[job.Index])
}

// job writes the suite of a job, and drops its commands. Commands that come after the end of their
// job get a suite of their own.
func (r *junitRun) job(job *projections.TrackedJob) {
	cases, name := r.jobs[job.Index], display.Name(job.ID)
	_, late := r.ended[job.Index]
	if late {
		name += " (late)"
	}
	r.ended[job.Index] += len(cases)
	delete(r.jobs, job.Index)
	slices.SortFunc(cases, func(a, b testcase) int { return cmp.Compare(a.command.Seq, b.command.Seq) })
	passed := true
	for i := range cases {
		cases[i].judge(job)
		passed = passed && cases[i].passed()
	}
	own := testcase{Name: "job"}
	if job.Final && job.Started {
		own.Time = seconds(projections.Span(job.StartedAtMs, job.FinishedAtMs))
	}
	var attrs []xml.Attr
	if own.Time != "" && !late {
		attrs = append(attrs, attr("time", own.Time))
	}
	if at := time.UnixMilli(job.StartedAtMs).UTC(); job.Started && !late && 1970 <= at.Year() && at.Year() <= 9999 {
		attrs = append(attrs, attr("timestamp", at.Format("2006-01-02T15:04:05")))
	}
	switch state := stateOf(job); {
	case late || !passed: // another case shows the outcome of the job
	case state == projections.Active:
		own.Error = &problem{Message: "the job has no job_finished", Type: "unfinished"}
	case state == projections.Failed:
		own.Failure = &problem{Message: "the job failed", Type: "job"}
	}
	if !own.passed() || len(cases) == 0 {
		cases = append(cases, own)
	}
	r.suite(name, attrs, cases, job.ShCount)
}

// suite writes a suite with that name; if the name is used, it puts the run's id in front. started
// is the number of commands of its job. It returns no error: out keeps it.
func (r *junitRun) suite(name string, attrs []xml.Attr, cases []testcase, started int) {
	for name = Printable(name); r.suites[name]; {
		name = Printable(string(r.run)) + "/" + name
	}
	r.suites[name] = true
	failures, unfinished := 0, 0
	for i := range cases {
		switch {
		case cases[i].Failure != nil:
			failures++
		case cases[i].Error != nil:
			unfinished++
		}
	}
	r.written++
	r.notPassed += failures + unfinished
	start := xml.StartElement{Name: xml.Name{Local: "testsuite"}, Attr: append([]xml.Attr{attr("name", name),
		attr("tests", strconv.Itoa(len(cases))), attr("failures", strconv.Itoa(failures)), attr("errors", strconv.Itoa(unfinished))}, attrs...)}
	r.xml.EncodeToken(start)
	for i := range cases {
		c := &cases[i]
		c.Classname = name
		if p := cmp.Or(c.Failure, c.Error); p != nil {
			p.Text = xmlText(r.text(p.Message, c, started))
		}
		if err := r.xml.Encode(c); err != nil {
			return
		}
		*c = testcase{}
	}
	r.xml.EncodeToken(start.End())
	r.xml.Flush()
}

// text returns the text of a failed case: the reason, the command, and the end of its log.
func (r *junitRun) text(message string, c *testcase, started int) string {
	if c.command.Seq == 0 {
		return message
	}
	text := message + "\n\n" + c.cmd
	if r.logs == nil {
		return text
	}
	c.command.Started = started
	switch end, err := logEnd(r.logs, c.command, caseLogLines, caseLogSize, false); {
	case errors.Is(err, runlog.ErrNoLog):
	case err != nil:
		text += "\n\nIts log cannot be read: " + err.Error()
	case end != "":
		text += "\n\nIt wrote:\n" + end
	}
	return text
}

// whole writes a suite for a run without jobs, or for one that has not passed if no job's suite
// shows that.
func (r *junitRun) whole(row *projections.Run) {
	own := testcase{Name: "run"}
	switch {
	case !row.Ended:
		own.Error = &problem{Message: "the stream has no run_finished", Type: "unfinished"}
	case row.State == projections.Failed && r.notPassed == 0:
		own.Failure = &problem{Message: "the run failed", Type: "run"}
	case r.written > 0:
		return
	}
	r.suite("(run)", nil, []testcase{own}, 0)
}

// judge sets whether a command of a job has passed.
func (c *testcase) judge(job *projections.TrackedJob) {
	exit := fmt.Sprintf("exit code %d", c.code)
	switch state := stateOf(job); {
	case c.Error != nil || c.code == 0:
	case state == projections.Failed:
		c.Failure = &problem{Message: exit, Type: "exit"}
	case state == projections.Active:
		c.Error = &problem{Message: exit + ", and the job has no job_finished", Type: "exit"}
	default:
		c.Out = exit + "; the job completed nevertheless"
	}
}

// seconds formats a duration; "" if it is unknown.
func seconds(ms projections.Null[int64]) string {
	if !ms.Valid {
		return ""
	}
	return fmt.Sprintf("%d.%03d", ms.V/1000, ms.V%1000)
}

// xmlText escapes characters that XML 1.0 does not allow, and invisible ones except line feeds and
// tabs.
func xmlText(s string) string {
	var b strings.Builder
	for s != "" {
		end := strings.IndexAny(s, "\n\t")
		if end < 0 {
			return b.String() + Printable(s)
		}
		b.WriteString(Printable(s[:end]) + s[end:end+1])
		s = s[end+1:]
	}
	return b.String()
}
