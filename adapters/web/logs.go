package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Logs opens the folder with the logs of a run. source is the path of the run's stream, as recorded
// in the store; alone means that the store has no other run.
type Logs func(run domain.RunID, source string, alone bool) (*runlog.Dir, error)

// logsOf opens the folder with the logs of a run.
func (s *Server) logsOf(ctx context.Context, run domain.RunID, source string) (*runlog.Dir, error) {
	if s.logs == nil {
		return nil, runlog.ErrNoLogs
	}
	runs, err := s.store.RunIDs(ctx, "", 2)
	if err != nil {
		return nil, err
	}
	return s.logs(run, source, len(runs) == 1)
}

// logPath returns the address of the page of a log.
func logPath(run, jobID string, seq int) string {
	return fmt.Sprintf("%s/log/%s/%d", runPath(run), pathOf(jobID), seq)
}

// How much of the end of a log the page of its run shows.
const (
	endLines = 20
	endBytes = 16 << 10
)

// addLogs adds to a page the links to existing logs, and the ends of the logs of the first failed
// commands.
func (s *Server) addLogs(ctx context.Context, p *page, v *view) {
	r := v.rows
	dir, err := s.logsOf(ctx, r.Run.RunID, v.source)
	if err != nil {
		return
	}
	defer dir.Close()
	logged := dir.Logged(r.ShEvents)
	for i, j := range p.Jobs {
		for _, c := range j.Commands {
			if logged[c.index] || c.Bars[0].Kind == "open" {
				c.Log = logPath(p.ID, r.Jobs[i].JobID, c.Seq)
			}
		}
	}
	addLogEnds(p, r, dir)
}

// addLogEnds adds the ends of the logs of the first failed commands.
func addLogEnds(p *page, r *rows, dir *runlog.Dir) {
	for _, c := range p.Failed {
		if c.Seq > 0 {
			of, _ := runlog.CommandOf(r.ShEvents, r.Jobs[c.job].JobID, c.Seq)
			c.LogEnd = logEnd(dir, of)
		}
	}
}

// logEnd returns the last lines of a log as text, or "".
func logEnd(dir *runlog.Dir, of runlog.Command) string {
	file, err := dir.Open(of)
	if err != nil {
		return ""
	}
	defer file.Close()
	return textEnd(file)
}

// textEnd returns the last lines of a log as text, or "".
func textEnd(file *os.File) string {
	end, more, err := runlog.Tail(file, endLines, endBytes)
	if err != nil {
		return ""
	}
	var text strings.Builder
	if more {
		text.WriteString("…\n")
	}
	safe := runlog.NewSafe(&text, false)
	_, _ = safe.Write(end) // a buffer's Write never fails
	_ = safe.End()
	return text.String()
}

// logPage shows the output of a command.
func (s *Server) logPage(w http.ResponseWriter, r *http.Request) error {
	jobID := idIn(r.PathValue("job"))
	seq, err := strconv.Atoi(r.PathValue("seq"))
	if err != nil {
		return errNoPage
	}
	v, err := s.view(r)
	if err != nil {
		return err
	}
	rows, run := v.rows, v.Run.RunID
	of, ok := runlog.CommandOf(rows.ShEvents, jobID, seq)
	if !ok {
		return &pageError{http.StatusNotFound, "The run has no such command."}
	}
	at := slices.IndexFunc(rows.ShEvents, func(sh projections.ShEvent) bool { return sh.JobID == jobID && sh.Seq == seq })
	sh, live := &rows.ShEvents[at], rows.isLive(at)
	file, err := s.openLog(r.Context(), run, v.source, of)
	if errors.Is(err, errNoLog) && live { // there may be one soon
		file, err = os.Open(os.DevNull)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if _, raw := r.URL.Query()["raw"]; raw {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if r.Method == http.MethodHead {
			return nil
		}
		return sent(runlog.Text(patient(w), file))
	}
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if r.URL.Query().Has("after") {
		if !live {
			w.Header().Set("Quire-Log", "ended")
		}
		from := logPlace{line: after}
		if n, _ := fmt.Sscanf(r.URL.Query().Get("from"), "%d", &from.offset); n == 0 || from.offset < 0 {
			from = logPlace{}
		}
		next, err := writeLines(patient(w), file, from, after)
		if err == nil {
			_, _ = fmt.Fprintf(patient(w), "<p data-from=\"%d\" data-after=\"%d\"></p>\n", next.offset, next.line)
		}
		return nil
	}
	c := s.chrome(fmt.Sprintf("%s %d", safe(jobID), seq))
	c.Refresh = live
	title, text := texts(sh.Cmd, pageLimits.text)
	page := logView{chrome: c, Run: string(run), RunTitle: titleOf(string(run), rows.Labels), RunPath: runPath(string(run)), Job: safe(jobID), Seq: seq, Title: title, Text: text, Live: live}
	if err := s.html(w, "log-head", page); err != nil {
		return err
	}
	if r.Method != http.MethodHead {
		next, _ := writeLines(patient(w), file, logPlace{}, 0) // the answer has begun; an error can no longer be sent
		page.From, page.After = next.offset, next.line
	}
	return s.html(w, "log-foot", page)
}

// logView is the data of the page of a log, without its lines.
type logView struct {
	chrome
	Run, RunTitle, RunPath, Job, Title, Text string
	Seq                                      int
	Live                                     bool
	From                                     int64 // where the next part of the log begins
	After                                    int   // the number of lines before that
}

// sent drops the error of writing an answer: once the answer has begun, no other one can be sent.
func sent(error) error { return nil }

var errNoLog = &pageError{http.StatusNotFound, "There is no log of this command."}

func (s *Server) openLog(ctx context.Context, run domain.RunID, source string, of runlog.Command) (*os.File, error) {
	dir, err := s.logsOf(ctx, run, source)
	if err != nil {
		return nil, &pageError{http.StatusNotFound, "There are no logs of this run."}
	}
	defer dir.Close()
	file, err := dir.Open(of)
	if err != nil {
		if !errors.Is(err, runlog.ErrNoLog) {
			s.log.Error("a log cannot be read", "error", err)
		}
		return nil, errNoLog
	}
	return file, nil
}

// blockLines is how many lines a browser lays out at a time, when they are about to be visible.
const blockLines = 200

// How much of a log is read for its page, and about how long a line of it can be as HTML.
const (
	maxLog     = 32 << 20
	maxLogPage = 64 << 20
)

// logPlace is a position in a log from which it can be read: an offset, and the number of lines
// before it.
type logPlace struct {
	offset int64
	line   int
}

// writeLines writes the lines of a log as HTML, without the first after lines. It starts reading at
// a place, and returns the last place it reached, from which a client can continue. Of a log that
// is too long for a page, it writes the first and the last lines.
func writeLines(w io.Writer, log *os.File, at logPlace, after int) (logPlace, error) {
	l := &lineWriter{out: bufio.NewWriterSize(w, 64<<10), line: at.line, after: after}
	info, err := log.Stat()
	if err != nil {
		return at, err
	}
	if _, err := log.Seek(at.offset, io.SeekStart); err != nil {
		return at, err
	}
	cut, begin := info.Size() > maxLog, at.offset
	var decoder runlog.Decoder
	for piece, err := range runlog.Lines(io.LimitReader(log, maxLog-begin)) {
		if err != nil || l.err != nil {
			break // show what could be read
		}
		if l.size > maxLogPage {
			cut = true
			break
		}
		decoder.Decode(piece.Text, l.text)
		if piece.End {
			decoder.Decode([]byte("\n"), l.text)
		}
		if piece.Next > 0 && decoder.Fresh() {
			at = logPlace{begin + piece.Next, l.line}
		}
	}
	decoder.End(l.text)
	l.end()
	if cut {
		l.write(`<p class="note">The log is too long for a page: what is between these lines and the last ones is left out. The plain text has all.</p>` + "\n<pre class=\"log\">")
		l.write(html.EscapeString(textEnd(log)))
		l.write("</pre>\n")
	}
	return at, l.out.Flush()
}

// lineWriter writes decoded text as numbered lines, in blocks.
type lineWriter struct {
	out    *bufio.Writer
	err    error // of writing to out
	size   int   // bytes written
	after  int
	line   int  // number of the current line of the text
	inLine bool // the number of the current line has been written
	inSpan bool
}

func (l *lineWriter) write(s string) {
	l.size += len(s)
	_, l.err = l.out.WriteString(s)
}

func (l *lineWriter) text(text []byte, style runlog.Style) {
	for len(text) > 0 {
		line, rest, ended := bytes.Cut(text, []byte("\n"))
		if !l.inLine {
			l.begin()
		}
		if l.line > l.after && len(line) > 0 {
			l.styled(string(line), style)
		}
		if ended {
			l.inLine = false
			if l.line > l.after {
				l.write("\n") // in the line's last span: a node less for the browser
				l.endSpan()
			}
		}
		text = rest
	}
}

// begin begins a line, and before the first line of a block, the block.
func (l *lineWriter) begin() {
	l.line, l.inLine = l.line+1, true
	if l.line <= l.after {
		return
	}
	if l.line == l.after+1 || l.line%blockLines == 1 {
		if l.line > l.after+1 {
			l.write("</pre>")
		}
		l.write(`<pre class="block">`)
	}
	l.write(fmt.Sprintf(`<a id="L%[1]d" href="#L%[1]d">%[1]d</a>`, l.line))
}

func (l *lineWriter) end() {
	l.endSpan()
	if l.line > l.after {
		l.write("</pre>\n")
	}
}

func (l *lineWriter) styled(text string, style runlog.Style) {
	l.endSpan()
	if classes := classesOf(style); classes != "" {
		l.write(`<span class="` + classes + `">`)
		l.inSpan = true
	}
	l.write(html.EscapeString(text))
}

func (l *lineWriter) endSpan() {
	if l.inSpan {
		l.write("</span>")
		l.inSpan = false
	}
}

// classesOf returns the CSS classes of a style. Colours are mapped to the nearest of the palette's
// first 16: those are legible in both the light and the dark theme.
func classesOf(style runlog.Style) string {
	var classes []string
	if style.Inverse { // on a coloured background, text has the colour of the page
		style.Text, style.Background = 0, style.Text
	}
	for _, c := range []struct {
		is   bool
		name string
	}{{style.Bold, "b"}, {style.Faint, "f"}, {style.Italic, "i"}, {style.Underlined, "u"}, {style.Inverse && style.Background == 0, "v"}, {style.Struck, "s"}} {
		if c.is {
			classes = append(classes, c.name)
		}
	}
	if style.Text != 0 {
		classes = append(classes, "c"+strconv.Itoa(nearest(style.Text)))
	}
	if style.Background != 0 {
		classes = append(classes, "g"+strconv.Itoa(nearest(style.Background)))
	}
	return strings.Join(classes, " ")
}

// palette has the RGB values of xterm's first 16 colours.
var palette = [16][3]int{
	{0, 0, 0}, {205, 0, 0}, {0, 205, 0}, {205, 205, 0}, {0, 0, 238}, {205, 0, 205}, {0, 205, 205}, {229, 229, 229},
	{127, 127, 127}, {255, 0, 0}, {0, 255, 0}, {255, 255, 0}, {92, 92, 255}, {255, 0, 255}, {0, 255, 255}, {255, 255, 255},
}

// nearest returns the index of the nearest of the first 16 colours.
func nearest(c runlog.Color) int {
	number, ok := c.Indexed()
	if ok && number < 16 {
		return int(number)
	}
	var red, green, blue int
	switch {
	case !ok:
		r, g, b, _ := c.RGB()
		red, green, blue = int(r), int(g), int(b)
	case number >= 232: // greys
		red = 8 + 10*(int(number)-232)
		green, blue = red, red
	default: // a cube of six levels
		level := func(n int) int {
			if n == 0 {
				return 0
			}
			return 55 + 40*n
		}
		n := int(number) - 16
		red, green, blue = level(n/36), level(n/6%6), level(n%6)
	}
	best, least := 0, 1<<30
	for i, p := range palette {
		distance := (p[0]-red)*(p[0]-red) + (p[1]-green)*(p[1]-green) + (p[2]-blue)*(p[2]-blue)
		if distance < least {
			best, least = i, distance
		}
	}
	return best
}

// LogsIn returns how to find the logs of runs. If logs is not empty, it is a folder that has a
// folder of logs for each run, named by the run's id; or, with a single run, the logs themselves.
// Otherwise the logs are beside the streams in folder. If both are empty there are no logs: the
// path of a stream that a store records is not trusted.
func LogsIn(folder, logs string) Logs {
	return func(run domain.RunID, source string, alone bool) (*runlog.Dir, error) {
		switch {
		case logs != "" && !alone:
			return runlog.OpenOf(run, logs)
		case logs != "":
			return runlog.Open(jsonl.Location{Run: run}, logs)
		}
		return runlog.OpenBeside(jsonl.Location{Path: source, Run: run}, folder)
	}
}
