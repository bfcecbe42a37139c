package live

import (
	"strings"
	"time"
)

// Frame writes a snapshot as lines of at most width columns, at most height of
// them, without a line feed at the end. The runs that go on come first, each with its
// jobs; then those that have ended, with as much as there is room for.
func Frame(s Snapshot, width, height int, now time.Time, color bool) string {
	f := &frame{width: width, now: now, color: color}
	f.draw(s, height)
	return strings.Join(f.lines, "\n")
}

// frame is a frame that is being put together.
type frame struct {
	width int
	now   time.Time
	color bool
	lines []string
}

// line adds a line that write fills.
func (f *frame) line(write func(*line)) {
	l := &line{columns: f.width, color: f.color}
	write(l)
	f.lines = append(f.lines, l.String())
}

func (f *frame) draw(s Snapshot, height int) {
	if f.width <= 0 || height <= 0 {
		return
	}
	if len(s.runs)+s.rest.total() == 0 {
		f.line(func(l *line) { l.add(faint, "no run yet") })
		return
	}
	if len(s.runs)+s.rest.total() > 1 {
		s = s.brief()
	}
	shown, rest := fitting(s, height)
	left := height - len(shown)
	if rest.total() > 0 {
		left--
	}
	for i, room := range shares(shown, left) {
		f.heading(&shown[i])
		f.details(&shown[i], room)
	}
	if rest.total() > 0 && len(f.lines) < height {
		f.line(func(l *line) { l.add(faint, "… "+rest.more("run")) })
	}
}

// fitting returns the runs that are shown, and counts the others, for which a row
// is left over. Those that are complete come last, and all but a few of them give way
// to what there is to see of others.
func fitting(s Snapshot, height int) ([]runView, tally) {
	const few = 3
	most := len(s.runs)
	if most+s.rest.total() > height {
		most = min(max(height-1, 1), most)
	}
	wanted, done := 0, 0
	for i := range s.runs[:most] {
		wanted += wants(&s.runs[i])
		if s.runs[i].standing == complete {
			done++
		}
	}
	if tooMany := most + 1 + wanted - height; tooMany > 1 || tooMany == 1 && s.rest.total() > 0 {
		most -= max(0, min(tooMany, done-few))
	}
	rest := s.rest
	for i := range s.runs[most:] {
		rest.count(s.runs[most+i].standing)
	}
	return s.runs[:most], rest
}

// shares says how many of the rows that are left each run gets for its details:
// first an equal part of them, then of what others did not want.
func shares(runs []runView, left int) []int {
	given := make([]int, len(runs))
	wanted := make([]int, len(runs))
	wanting := 0
	for i := range runs {
		if wanted[i] = wants(&runs[i]); wanted[i] > 0 {
			wanting++
		}
	}
	for i := range runs {
		if wanted[i] > 0 && left > 0 {
			given[i] = min(wanted[i], (left+wanting-1)/wanting)
			left -= given[i]
			wanting--
		}
	}
	for i := range runs {
		more := min(wanted[i]-given[i], left)
		given[i] += more
		left -= more
	}
	return given
}

// wants returns how many rows the run would fill with details.
func wants(run *runView) int {
	rows := run.listed.total()
	for i := range run.jobs {
		rows += len(run.jobs[i].rows()) - 1
	}
	if note, _ := run.note(); note != "" {
		rows++
	}
	return rows
}
