package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// MaxMarkdown is the limit of a Markdown report in bytes. GitHub allows that many characters in a
// comment.
const MaxMarkdown = 65_536

// comment is the Markdown of any number of runs in one comment. All runs are read, but memory is
// bounded by the size of the comment. If not everything fits, failed runs come first, then
// unfinished ones, each with as many rows as fit.
type comment struct {
	out  io.Writer
	max  int         // limit of its size in bytes
	runs []*markdown // in the order of Add
	left tally       // runs that were left out
}

func newComment(out io.Writer) document { return &comment{out: out, max: MaxMarkdown} }

// wholeRuns is the number of runs that keep their tables even if these have to be cut.
const wholeRuns = 16

func (c *comment) add(run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	d, err := readDigest(run, stream, options, c.limits())
	if err != nil {
		return projections.Run{}, err
	}
	c.take(d, options)
	return d.run, nil
}

// limits allow more rows than can fit.
func (c *comment) limits() limits {
	return limits{rows: max(1, c.max/leastRow), command: markdownCommand}
}

func (c *comment) take(d *digest, options Options) {
	c.runs = append(c.runs, newMarkdown(d, options, c.max))
	if c.size() > 2*c.max {
		c.shrink()
	}
}

// size returns the length of the whole text in bytes.
func (c *comment) size() (size int) {
	for _, m := range c.runs {
		size += m.size() + 1
	}
	return size
}

// whole reports whether everything fits.
func (c *comment) whole() bool {
	return c.left.sum() == 0 && c.size() <= c.room() && !slices.ContainsFunc(c.runs, func(m *markdown) bool { return m.cut })
}

// shrink drops the tables and headings that cannot fit.
func (c *comment) shrink() {
	headings, size := 0, 0
	gone := map[*markdown]bool{}
	for place, m := range c.byUrgency() {
		if size > c.max && place >= wholeRuns {
			m.cutTables()
		}
		size += m.size()
		if headings += len(m.heading) + 1; headings > c.max {
			gone[m] = true
			c.left[m.verdict]++
		}
	}
	c.runs = slices.DeleteFunc(c.runs, func(m *markdown) bool { return gone[m] })
}

func (m *markdown) cutTables() { m.cut, m.tables = m.cut || len(m.tables) > 0, nil }

// byUrgency returns the runs, failed ones first.
func (c *comment) byUrgency() []*markdown {
	return slices.SortedStableFunc(slices.Values(c.runs), func(a, b *markdown) int { return cmp.Compare(a.verdict, b.verdict) })
}

// room is the number of bytes for runs; the rest is for the last line.
func (c *comment) room() int { return c.max - maxClosing }

const maxClosing = 200

func (c *comment) close(unread int) error {
	var text strings.Builder
	left, cut := c.left, 0
	if c.whole() {
		for i, m := range c.runs {
			m.write(&text, i, c.room())
		}
	} else {
		left, cut = c.writeUrgent(&text)
	}
	c.closing(&text, left, cut, unread)
	if text.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(c.out, text.String())
	return err
}

// writeUrgent writes the runs that fit. It counts the runs that it leaves out, and those whose
// tables it leaves out. Runs with the same verdict share the room for tables.
func (c *comment) writeUrgent(text *strings.Builder) (left tally, cut int) {
	runs, room, n, left := c.byUrgency(), c.room(), 0, c.left
	for ; n < len(runs) && len(runs[n].heading)+1 <= room; n++ {
		room -= len(runs[n].heading) + 1
	}
	for _, m := range runs[n:] {
		left[m.verdict]++
	}
	for i, m := range runs[:n] {
		share := room / sameUrgency(runs[i:n])
		if tables := m.size() - len(m.heading); tables > share && share < leastTables {
			m.cutTables()
		}
		if m.cut {
			cut++
		}
		before := text.Len()
		m.write(text, i, share)
		room -= max(0, text.Len()-before-len(m.heading)-1)
	}
	return left, cut
}

// leastTables is the room in bytes that a run's tables need; with less, they are left out.
const leastTables = 1000

// sameUrgency returns how many runs at the start have the same verdict.
func sameUrgency(runs []*markdown) int {
	n := 0
	for n < len(runs) && runs[n].verdict == runs[0].verdict {
		n++
	}
	return n
}

// closing writes the line that says what was left out.
func (c *comment) closing(text *strings.Builder, left tally, cut, unread int) {
	var parts []string
	if left.sum() > 0 {
		parts = left.leftOut("run")
	}
	if cut > 0 {
		parts = append(parts, "the tables of "+display.Plural(cut, "run")+" left out")
	}
	if unread > 0 {
		parts = append(parts, display.Plural(unread, "run")+" could not be read")
	}
	if len(parts) > 0 {
		fmt.Fprintf(text, "\n*%s*\n", strings.Join(parts, " · "))
	}
}
