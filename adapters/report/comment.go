package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// MaxMarkdown is how many bytes a Markdown report has at most: as many as a comment on
// GitHub may have characters.
const MaxMarkdown = 65_536

// Comment is the Markdown of any number of runs, in one comment. All runs are read, whether
// there is room for them or not; what is kept follows what the comment can show. Where there
// is too little room, runs that failed come first, then those that are not over, each with
// as many rows as there is room for.
type Comment struct {
	runs   []*markdown // in the order in which they came
	left   tally       // runs that are not kept
	unread int
}

func writeMarkdown(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	var c Comment
	row, err := c.Add(run, stream, options)
	if err != nil {
		return projections.Run{}, err
	}
	_, err = c.WriteTo(out)
	return row, err
}

// wholeRuns is the number of runs whose tables are kept even if they will have to be cut.
const wholeRuns = 16

// Add folds the stream of the run called run, and returns the row of the run itself.
func (c *Comment) Add(run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	d, err := readDigest(run, stream, options, markdownLimits)
	if err != nil {
		return projections.Run{}, err
	}
	c.runs = append(c.runs, newMarkdown(d, options))
	if c.size() > 2*MaxMarkdown {
		c.shrink()
	}
	return d.run, nil
}

// Unread notes a run that could not be read, for the comment to say so.
func (c *Comment) Unread() { c.unread++ }

// size is how many bytes the whole has.
func (c *Comment) size() (size int) {
	for _, m := range c.runs {
		size += m.size() + 1
	}
	return size
}

// whole reports whether there is room for everything.
func (c *Comment) whole() bool {
	return c.left.sum() == 0 && c.size() <= room && !slices.ContainsFunc(c.runs, func(m *markdown) bool { return m.cut })
}

// shrink drops the tables and headings for which there cannot be room.
func (c *Comment) shrink() {
	headings, size := 0, 0
	gone := map[*markdown]bool{}
	for place, m := range c.byUrgency() {
		if size > MaxMarkdown && place >= wholeRuns {
			m.cutTables()
		}
		size += m.size()
		if headings += len(m.heading) + 1; headings > MaxMarkdown {
			gone[m] = true
			c.left[m.verdict]++
		}
	}
	c.runs = slices.DeleteFunc(c.runs, func(m *markdown) bool { return gone[m] })
}

func (m *markdown) cutTables() { m.cut, m.tables = m.cut || len(m.tables) > 0, nil }

// byUrgency returns the runs, what failed first.
func (c *Comment) byUrgency() []*markdown {
	return slices.SortedStableFunc(slices.Values(c.runs), func(a, b *markdown) int { return cmp.Compare(a.verdict, b.verdict) })
}

// room is how many bytes runs have, besides what is said at the end.
const room = MaxMarkdown - 200

// WriteTo writes the comment.
func (c *Comment) WriteTo(out io.Writer) (int64, error) {
	var text strings.Builder
	left, cut := c.left, 0
	if c.whole() {
		for i, m := range c.runs {
			m.write(&text, i, room)
		}
	} else {
		left, cut = c.writeUrgent(&text)
	}
	c.close(&text, left, cut)
	if text.Len() == 0 {
		return 0, nil
	}
	n, err := io.WriteString(out, text.String())
	return int64(n), err
}

// writeUrgent writes what there is room for, and counts the runs and the tables of runs for
// which there is none. Runs that are as urgent as each other share the room for their tables.
func (c *Comment) writeUrgent(text *strings.Builder) (left tally, cut int) {
	runs, room, n, left := c.byUrgency(), room, 0, c.left
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

// leastTables is how much room the tables of a run have to have to be of use.
const leastTables = 1000

// sameUrgency counts the runs that are as urgent as the first.
func sameUrgency(runs []*markdown) int {
	n := 0
	for n < len(runs) && runs[n].verdict == runs[0].verdict {
		n++
	}
	return n
}

// close says what there was no room for.
func (c *Comment) close(text *strings.Builder, left tally, cut int) {
	var parts []string
	if left.sum() > 0 {
		parts = left.leftOut("run")
	}
	if cut > 0 {
		parts = append(parts, "the tables of "+plural(cut, "run", "runs")+" left out")
	}
	if c.unread > 0 {
		parts = append(parts, plural(c.unread, "run", "runs")+" could not be read")
	}
	if len(parts) > 0 {
		fmt.Fprintf(text, "\n*%s*\n", strings.Join(parts, " · "))
	}
}
