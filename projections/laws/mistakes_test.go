package laws

import "github.com/quire-ci/quire-project/domain"

// countIn counts in a variable that neither belongs to the projection nor is
// saved with it.
func countIn(count *int) func() *broken {
	return func() *broken {
		return &broken{
			reduce: func(_ *tally, _ *step, rows []row) []row {
				*count++
				return rows
			},
			open: func(_ *tally, _ *tracker, rows []row) []row {
				return append(rows, row{Value: tally{Count: *count}})
			},
		}
	}
}

func keepsEntry() *broken {
	var kept *domain.Entry
	return &broken{
		reduce: func(p *tally, s *step, rows []row) []row {
			kept = s.Entry
			return p.Reduce(s, rows)
		},
		open: func(p *tally, _ *tracker, rows []row) []row {
			if kept == nil {
				return rows
			}
			return append(rows, row{Value: tally{p.Count, kept.JobID}})
		},
	}
}

func keepsStep() *broken {
	var kept *step
	return &broken{
		reduce: func(p *tally, s *step, rows []row) []row {
			kept = s
			return p.Reduce(s, rows)
		},
		open: func(p *tally, _ *tracker, rows []row) []row {
			if kept == nil {
				return rows
			}
			return append(rows, row{Value: tally{Count: int(kept.PrevAtMs)}})
		},
	}
}

// listsTheOld lists the row as it was when it was listed last.
func listsTheOld() *broken {
	var listed tally
	return &broken{open: func(p *tally, _ *tracker, rows []row) []row {
		rows = append(rows, row{Value: listed})
		listed = *p
		return rows
	}}
}

// finalRow hands out the same row at every event.
func finalRow(final row) func() *broken {
	return func() *broken {
		return &broken{
			reduce: func(_ *tally, _ *step, rows []row) []row { return append(rows, final) },
			open:   func(_ *tally, _ *tracker, rows []row) []row { return rows },
		}
	}
}

// finalOnceAndOpen hands its row out as final at the first event, and forgets
// to take it off the open ones.
func finalOnceAndOpen() *broken {
	return &broken{reduce: func(_ *tally, s *step, rows []row) []row {
		if s.First {
			rows = append(rows, row{Final: true})
		}
		return rows
	}}
}

func openRows(open ...row) func() *broken {
	return func() *broken {
		return &broken{open: func(_ *tally, _ *tracker, rows []row) []row { return append(rows, open...) }}
	}
}

// perJob lists a row for each job, with a count that is not its own business.
func perJob(count func(run *tracker, job int) int) func() *broken {
	return func() *broken {
		return &broken{open: func(_ *tally, run *tracker, rows []row) []row {
			for job := range run.Jobs() {
				rows = append(rows, row{Index: job.Index, Value: tally{count(run, job.Index), job.ID}})
			}
			return rows
		}}
	}
}
