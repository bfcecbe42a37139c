package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// junit writes runs as JUnit XML, in what Jenkins, GitLab and Buildkite have in common (the
// schema is jenkins-junit.xsd of https://github.com/jenkinsci/xunit-plugin): a job is a suite,
// a command a case. The name of a case has its job, its number and its text, but not the run,
// so that these tools find its history.
//
// A run that failed or has no end is never all green: where no command says so, a case of the
// job or of the run does.
type junit struct {
	out    io.Writer
	buffer bytes.Buffer
	suites map[string]bool // names that are taken
}

func newJUnit(out io.Writer) document {
	j := &junit{out: out, suites: map[string]bool{}}
	j.buffer.WriteString(xml.Header + "<testsuites name=\"quire\">\n")
	return j
}

// testsuite is a job.
type testsuite struct {
	Name      string     `xml:"name,attr"`
	Tests     int        `xml:"tests,attr"`
	Failures  int        `xml:"failures,attr"`
	Errors    int        `xml:"errors,attr"`
	Time      string     `xml:"time,attr,omitempty"`
	Timestamp string     `xml:"timestamp,attr,omitempty"`
	Cases     []testcase `xml:"testcase"`
}

// testcase is a command.
type testcase struct {
	Name      string   `xml:"name,attr"`
	Classname string   `xml:"classname,attr"`
	Time      string   `xml:"time,attr,omitempty"`
	Error     *problem `xml:"error"`
	Failure   *problem `xml:"failure"`
	Out       string   `xml:"system-out,omitempty"`

	cmd  string
	code int32
}

// problem is why a case has not passed.
type problem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func (j *junit) add(run domain.RunID, stream projections.Stream, _ Options) (row projections.Run, err error) {
	r := &junitRun{junit: j, jobs: map[int][]testcase{}, written: map[int]bool{}}
	row, err = fold(run, projections.BeforeEach(stream, j.relieve),
		[]projections.Member{projections.Into("report.junit", r, func(*projections.Row[none]) {})})
	if err != nil {
		return row, err
	}
	return row, cmp.Or(r.err, r.whole(&row), j.relieve())
}

func (j *junit) close(unread int) error {
	if unread > 0 {
		j.write(testsuite{Name: "(streams)", Cases: []testcase{{Name: "read", Error: &problem{
			Message: display.Plural(unread, "run") + " could not be read", Type: "unread"}}}}, "")
	}
	j.buffer.WriteString("</testsuites>\n")
	_, err := j.buffer.WriteTo(j.out)
	return err
}

// relieve writes what has been gathered, if that is much.
func (j *junit) relieve() error {
	if j.buffer.Len() < flushSize {
		return nil
	}
	_, err := j.buffer.WriteTo(j.out)
	return err
}

// write writes a suite, called so or, if that name is taken, with the run in front.
func (j *junit) write(s testsuite, run domain.RunID) error {
	for j.suites[s.Name] {
		s.Name = xmlText(string(run)) + "/" + s.Name
	}
	j.suites[s.Name] = true
	s.Tests = len(s.Cases)
	for i := range s.Cases {
		c := &s.Cases[i]
		c.Classname = s.Name
		if c.Failure != nil {
			s.Failures++
		}
		if c.Error != nil {
			s.Errors++
		}
	}
	encoder := xml.NewEncoder(&j.buffer)
	encoder.Indent("", " ")
	if err := encoder.Encode(s); err != nil {
		return err
	}
	j.buffer.WriteByte('\n')
	return nil
}

// junitRun writes the suites of a run: each once its job ends with no command open, the
// others at the end. It is a projection without rows.
type junitRun struct {
	*junit
	jobs      map[int][]testcase // commands of jobs whose suites are not written, by the jobs' indexes
	written   map[int]bool       // jobs whose suites are written
	notPassed int                // cases
	err       error
}

func (r *junitRun) Reduce(step *projections.Step, rows []projections.Row[none]) []projections.Row[none] {
	switch {
	case step.ShCloses:
		c := commandCase(step.Sh)
		c.code, c.Time = step.ExitCode, seconds(projections.Span(step.Sh.StartedAtMs, step.AtMs))
		r.jobs[step.Job.Index] = append(r.jobs[step.Job.Index], c)
	case step.JobEnds && step.Job.OpenSh == 0:
		r.job(step.Run, step.Job)
	}
	return rows
}

// job writes the suite of a job, and forgets its commands. Commands that come after the
// end of their job have a suite of their own.
func (r *junitRun) job(run *projections.Tracker, job *projections.TrackedJob) {
	s := testsuite{Name: xmlText(display.Name(job.ID)), Cases: r.jobs[job.Index]}
	if r.written[job.Index] {
		s.Name += " (late)"
	}
	r.written[job.Index] = true
	delete(r.jobs, job.Index)
	if job.Started {
		s.Timestamp = time.UnixMilli(job.StartedAtMs).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	took := projections.Null[int64]{}
	if job.Started && job.Final {
		took = projections.Span(job.StartedAtMs, job.FinishedAtMs)
		s.Time = seconds(took)
	}
	passed := true
	for i := range s.Cases {
		s.Cases[i].judge(job)
		passed = passed && s.Cases[i].Failure == nil && s.Cases[i].Error == nil
	}
	own := testcase{Name: "job", Time: seconds(took)}
	switch {
	case !job.Final && passed:
		own.Error = &problem{Message: "the job has no job_finished", Type: "unfinished"}
	case job.Final && job.Outcome == domain.Failed && passed:
		own.Failure = &problem{Message: "the job failed", Type: "job"}
	}
	if own.Error != nil || own.Failure != nil || len(s.Cases) == 0 {
		s.Cases = append(s.Cases, own)
	}
	for i := range s.Cases {
		if s.Cases[i].Failure != nil || s.Cases[i].Error != nil {
			r.notPassed++
		}
	}
	r.err = cmp.Or(r.err, r.write(s, run.RunID))
}

// Open is called once, at the end of the stream: it writes the suites of the other jobs.
func (r *junitRun) Open(run *projections.Tracker, rows []projections.Row[none]) []projections.Row[none] {
	run.EachOpenSh(func(job *projections.TrackedJob, sh *projections.TrackedSh) {
		c := commandCase(sh)
		c.Error = &problem{Message: "the command has no sh_finished", Type: "unfinished", Text: c.cmd}
		r.jobs[job.Index] = append(r.jobs[job.Index], c)
	})
	for job := range run.Jobs() {
		if !r.written[job.Index] || len(r.jobs[job.Index]) > 0 {
			r.job(run, job)
		}
	}
	return rows
}

// whole writes a suite for a run that has not passed, unless a job's suite shows that.
func (r *junitRun) whole(row *projections.Run) error {
	own := testcase{Name: "run"}
	switch {
	case !row.Ended:
		own.Error = &problem{Message: "the stream has no run_finished", Type: "unfinished"}
	case row.State == projections.Failed && r.notPassed == 0:
		own.Failure = &problem{Message: "the run failed", Type: "run"}
	default:
		return nil
	}
	return r.write(testsuite{Name: "(run)", Cases: []testcase{own}}, row.RunID)
}

// judge says whether a command of a job has passed.
func (c *testcase) judge(job *projections.TrackedJob) {
	exit := fmt.Sprintf("exit code %d", c.code)
	switch state := stateOf(job); {
	case c.Error != nil || c.code == 0:
	case state == projections.Failed:
		c.Failure = &problem{Message: exit, Type: "exit", Text: c.cmd}
	case state == projections.Active:
		c.Error = &problem{Message: exit + ", and the job has no job_finished", Type: "exit", Text: c.cmd}
	default:
		c.Out = exit + "; the job completed nevertheless"
	}
}

func commandCase(sh *projections.TrackedSh) testcase {
	return testcase{
		Name: strconv.Itoa(sh.Seq) + ". " + xmlText(title(sh.Cmd)),
		cmd:  xmlText(clip(sh.Cmd, maxCaseText)),
	}
}

// maxCaseText is how many characters of a command stand in a case that has not passed.
const maxCaseText = 10_000

// seconds writes a duration as the formats have it, "" where it is not known.
func seconds(ms projections.Null[int64]) string {
	if !ms.Valid {
		return ""
	}
	return fmt.Sprintf("%d.%03d", ms.V/1000, ms.V%1000)
}

// xmlText escapes the characters that XML 1.0 does not allow, and all others that cannot be
// seen, but for line feeds and tabs.
func xmlText(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for j, cell := range cells {
			cells[j] = Printable(cell)
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}
