package web

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// limits bound the content of a page.
type limits struct {
	commands, jobs int
	text           int // length of the text of a command or the name of a job, in characters
	failed         int // entries of the list of failures
	rows           int // of each other table
}

var pageLimits = limits{commands: math.MaxInt, jobs: math.MaxInt, text: 10_000, failed: 50, rows: 5000}

// limit removes jobs and commands if there are too many. It keeps failed ones first, then open
// ones.
func (p *page) limit(l limits) {
	total := 0
	for _, j := range p.Jobs {
		total += len(j.Commands)
	}
	if total <= l.commands && len(p.Jobs) <= l.jobs {
		return
	}
	jobs := mostUrgent(p.Jobs, l.jobs, func(j *job) display.Verdict { return j.urgency })
	var commands []*command
	for _, j := range jobs {
		commands = append(commands, j.Commands...)
	}
	stay := map[*command]bool{}
	for _, c := range mostUrgent(commands, l.commands, func(c *command) display.Verdict { return c.urgency }) {
		stay[c] = true
	}
	var left []string
	if n := len(p.Jobs) - len(jobs); n > 0 {
		left = append(left, display.Plural(n, "job"))
	}
	for _, j := range jobs {
		j.Commands = slices.DeleteFunc(j.Commands, func(c *command) bool { return !stay[c] })
		j.Parts = slices.Collect(slices.Chunk(j.Commands, partSize))
	}
	if n := total - len(stay); n > 0 {
		left = append(left, display.Plural(n, "command"))
	}
	p.Jobs = jobs
	if len(left) > 0 {
		p.LeftOut = strings.Join(left, " and ") + " left out: the page would be too large. --to ndjson has all."
	}
}

// mostUrgent returns the n most urgent elements, in their original order.
func mostUrgent[T any](all []T, n int, urgency func(T) display.Verdict) []T {
	if len(all) <= n {
		return all
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(urgency(all[a]), urgency(all[b])) })
	order = order[:n]
	slices.Sort(order)
	some := make([]T, n)
	for i, at := range order {
		some[i] = all[at]
	}
	return some
}
