package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Logs prints the output of commands.
type Logs struct {
	// Folder has the logs; "" means that they are beside the streams.
	Folder string
	// Names selects commands, each as JOB or JOB/SEQ; if it is empty, those that failed.
	Names []string
	// Raw prints logs as they are, Paths only their paths.
	Raw, Paths bool
	// Terminal prints for a terminal with Width columns, with colours if Color is set.
	Terminal bool
	Color    bool
	Width    int
	// Failed is called with the error of each stream or log that cannot be read.
	Failed func(error)
}

// ErrNoFailed is in the error for streams in which no command failed.
var ErrNoFailed = errors.New("no command failed")

// Write prints the logs of streams, in the order of the commands. If there are several, or on a
// terminal, a heading precedes each log.
func (l Logs) Write(ctx context.Context, out io.Writer, streams jsonl.Streams) error {
	w := &logs{Logs: l, out: Output{out}, many: several(streams)}
	for _, name := range l.Names {
		w.names = append(w.names, &logName{text: name})
	}
	for at, err := range streams.Locations() {
		if err == nil {
			err = w.stream(ctx, streams, at)
		}
		if err = cmp.Or(ctx.Err(), err); err != nil && (!w.many || ctx.Err() != nil || errors.As(err, new(*WriteError))) {
			return err
		}
		if err != nil {
			w.unread = true
			w.Failed(err)
		}
	}
	return w.missing()
}

// several reports whether there may be several streams; a folder can contain just one.
func several(streams jsonl.Streams) bool {
	n := 0
	for range streams.Locations() {
		if n++; n > 1 {
			return true
		}
	}
	return false
}

// logs prints the logs of streams.
type logs struct {
	Logs
	out    io.Writer
	many   bool // there are several streams
	names  []*logName
	found  int // number of commands found
	begun  bool
	unread bool
	// unfinished is the first unfinished command of a job that is not complete, as JOB/SEQ.
	unfinished string
}

// logName is a name of commands, and what was found for it.
type logName struct {
	text  string
	found bool
	job   bool // there is a job with that name, or with the part of it before the seq
	shs   int  // number of commands of that job
}

// is reports whether a command has the name.
func (n *logName) is(jobID string, seq int) bool {
	return n.text == jobID || n.text == jobID+"/"+strconv.Itoa(seq)
}

// see records a job that the name could mean.
func (n *logName) see(job *projections.TrackedJob) {
	slash := strings.LastIndexByte(n.text, '/')
	if n.text == job.ID || slash >= 0 && n.text[:slash] == job.ID {
		n.job, n.shs = true, n.shs+job.ShCount
	}
}

func (l *logs) stream(ctx context.Context, streams jsonl.Streams, at jsonl.Location) error {
	picked, err := l.pick(ctx, streams, at)
	if err != nil || len(picked) == 0 {
		return err
	}
	l.found += len(picked)
	dir, err := runlog.Open(at, l.Folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, c := range picked {
		err := l.print(ctx, dir, at.Run, c, l.many || len(picked) > 1)
		if ctx.Err() != nil || errors.As(err, new(*WriteError)) {
			return err
		}
		if err != nil {
			l.Failed(err)
		}
	}
	return nil
}

// pick returns the wanted commands of a stream.
func (l *logs) pick(ctx context.Context, streams jsonl.Streams, at jsonl.Location) ([]placed[command], error) {
	entries, err := streams.Open(ctx, at, streams.Options, true)
	if err != nil {
		return nil, err
	}
	defer entries.Close()
	c := &commands{limits: limits{command: maxHeading}, shown: shown[command]{limit: math.MaxInt}}
	if len(l.names) > 0 {
		c.wanted = l.wants
	}
	if _, err := fold(at.Run, entries, nil, projections.Observe(c.step, c.open), projections.Observe(nil, l.see)); err != nil {
		return nil, err
	}
	picked, _ := c.shown.rows()
	if len(l.names) == 0 {
		picked = l.failed(picked)
	}
	return picked, nil
}

func (l *logs) wants(jobID string, seq int) (is bool) {
	for _, name := range l.names {
		if name.is(jobID, seq) {
			name.found, is = true, true
		}
	}
	return is
}

// failed returns only the commands that failed.
func (l *logs) failed(picked []placed[command]) []placed[command] {
	return slices.DeleteFunc(picked, func(c placed[command]) bool {
		if c.verdict == display.Unfinished && l.unfinished == "" {
			l.unfinished = c.row.name()
		}
		return c.verdict != display.Failed
	})
}

func (c *command) name() string { return c.jobID + "/" + strconv.Itoa(c.seq) }

func (c *command) log() runlog.Command {
	return runlog.Command{JobID: c.jobID, Seq: c.seq, Nth: c.nth, Started: c.started}
}

// see shows the names the jobs of a run.
func (l *logs) see(run *projections.Tracker) {
	for job := range run.Jobs() {
		for _, name := range l.names {
			name.see(job)
		}
	}
}

// missing returns an error if a named command is in no stream; or, without names, if no command
// failed.
func (l *logs) missing() error {
	for _, name := range l.names {
		switch {
		case name.found || l.unread:
		case name.job && name.shs > 0:
			return fmt.Errorf("there is no command %s; its job has %s", Printable(name.text), display.Plural(name.shs, "command"))
		case name.job:
			return fmt.Errorf("job %s has no commands", Printable(name.text))
		default:
			return fmt.Errorf("there is no job %s; name one of the run, or a command as JOB/SEQ", Printable(name.text))
		}
	}
	switch {
	case l.found > 0 || l.unread || len(l.names) > 0:
		return nil
	case l.unfinished != "":
		return fmt.Errorf("%w; %s is unfinished; name it to see its log", ErrNoFailed, Printable(l.unfinished))
	}
	return ErrNoFailed
}

// print prints the log of a command, or its path.
func (l *logs) print(ctx context.Context, dir *runlog.Dir, run domain.RunID, c placed[command], several bool) error {
	if l.Paths {
		path, err := dir.Path(c.row.log())
		if err == nil {
			_, err = io.WriteString(l.out, shellWord(path)+"\n")
		}
		return err
	}
	file, err := dir.Open(c.row.log())
	if err != nil {
		return err
	}
	defer file.Close()
	if (several || l.Terminal) && !l.Raw {
		if _, err := io.WriteString(l.out, l.heading(run, c)); err != nil {
			return err
		}
	}
	return l.copy(whileGoing{ctx, file}, several)
}

// copy writes a log. If more logs can follow, it ends the last line.
func (l *logs) copy(log io.Reader, several bool) error {
	write := runlog.Text
	if l.Raw {
		write = func(out io.Writer, log io.Reader) error {
			_, err := io.Copy(out, log)
			return err
		}
	}
	if l.Terminal {
		safe := runlog.NewSafe(l.out, l.Color)
		return cmp.Or(write(safe, log), safe.EndLine())
	}
	out := &ended{Writer: l.out}
	err := write(out, log)
	if err == nil && out.open && several && !l.Raw {
		_, err = io.WriteString(out, "\n")
	}
	return err
}

// whileGoing reads until the context ends.
type whileGoing struct {
	ctx context.Context
	in  io.Reader
}

func (w whileGoing) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.in.Read(p)
}

// ended records whether the written text ends in the middle of a line.
type ended struct {
	io.Writer
	open bool
}

func (e *ended) Write(p []byte) (int, error) {
	if len(p) > 0 {
		e.open = p[len(p)-1] != '\n'
	}
	return e.Writer.Write(p)
}

// maxHeading limits a heading, in columns, if the terminal does not.
const maxHeading = 200

// heading returns the line before a log.
func (l *logs) heading(run domain.RunID, c placed[command]) string {
	head := "==> "
	if l.many {
		head += shownID(display.Name(string(run))) + " "
	}
	head += shownID(c.row.jobID) + "/" + strconv.Itoa(c.row.seq) + " " + c.verdict.CommandWord(c.row.code)
	if c.verdict == display.Failed {
		head += ", " + display.Exit(c.row.code.V)
	}
	most := maxHeading
	if l.Width > 0 {
		most = l.Width
	}
	head, _ = display.Fit(head+": "+c.row.cmd, most)
	if l.Color {
		head = text.Bold.EscapeSeq() + head + text.EscapeReset
	}
	if l.begun {
		head = "\n" + head
	}
	l.begun = true
	return head + "\n"
}

// shellWord quotes a path so that it can be pasted into a shell. A path with control characters is
// quoted as in Go instead, because nobody could read it otherwise.
func shellWord(path string) string {
	printable := Printable(path)
	switch {
	case printable != path:
		return strconv.Quote(path)
	case strings.ContainsFunc(path, func(r rune) bool {
		return r < 0x80 && !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-", r)
	}):
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
