package live

import (
	"cmp"
	"slices"
)

// row is a row of a frame that a job fills.
type row struct {
	job  int // its place among the jobs of the view
	what rowKind
}

// rowKind is what of a job the row shows; rows of one job are in this order.
type rowKind uint8

const (
	headRow rowKind = iota
	exitRow
	openRow
)

// rows returns the kinds of rows that the job has.
func (j *jobView) rows() []rowKind {
	rows := []rowKind{headRow}
	if j.exit != nil {
		rows = append(rows, exitRow)
	}
	if j.open {
		rows = append(rows, openRow)
	}
	return rows
}

// need says how much a row is needed, 0 being the most: first the jobs that go on, then
// those that failed, then why, then what they do now, then all others.
func (j *jobView) need(what rowKind) int {
	switch {
	case what == exitRow && j.standing != complete:
		return 2
	case what == openRow:
		return 3
	}
	if at := importance(j.standing); at < 2 {
		return at
	}
	return 4
}

// chooseRows returns the rows of a run for which there is room, in the order of
// its jobs, and counts the jobs that have none. If there are such jobs, a row is
// left over to say so, where there is more than one.
func chooseRows(run *runView, room int) (chosen []row, hidden tally) {
	if room <= 0 {
		return nil, run.listed
	}
	var all []row
	for i := range run.jobs {
		for _, what := range run.jobs[i].rows() {
			all = append(all, row{i, what})
		}
	}
	slices.SortStableFunc(all, func(a, b row) int {
		byNeed := run.jobs[a.job].need(a.what) - run.jobs[b.job].need(b.what)
		return cmp.Or(byNeed, b.job-a.job) // of those needed alike, the latest
	})
	chosen = run.most(all, room)
	if hidden = run.without(chosen); hidden.total() > 0 && room > 1 {
		chosen = run.most(all, room-1)
		hidden = run.without(chosen)
	}
	slices.SortFunc(chosen, func(a, b row) int { return cmp.Or(a.job-b.job, int(a.what)-int(b.what)) })
	return chosen, hidden
}

// most returns the rows that are needed most, of all in that order. However many jobs go
// on, a third of the room is for what has failed: that is what people look for.
func (v *runView) most(all []row, room int) []row {
	if room >= len(all) {
		return slices.Clone(all)
	}
	active, failing := 0, 0
	for _, row := range all {
		switch v.jobs[row.job].need(row.what) {
		case 0:
			active++
		case 1, 2:
			failing++
		}
	}
	kept := min(failing, room/3)
	if active <= room-kept {
		return slices.Clone(all[:room])
	}
	chosen, heads := slices.Clone(all[:room-kept]), map[int]bool{}
	for _, row := range chosen {
		heads[row.job] = true
	}
	for _, row := range slices.Concat(all[active:active+failing], all[room-kept:active]) {
		if len(chosen) < room && (row.what == headRow || heads[row.job]) { // why a job failed is said below it
			chosen = append(chosen, row)
			heads[row.job] = true
		}
	}
	return chosen
}

// without counts the jobs of which no row is among those that are chosen.
func (v *runView) without(chosen []row) tally {
	hidden := v.listed
	for _, row := range chosen {
		if row.what == headRow {
			hidden[v.jobs[row.job].standing]--
		}
	}
	return hidden
}
