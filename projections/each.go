package projections

// eachJob has one row for each job, in order of first mention, which is final at the job's first
// JobFinished.
type eachJob[R comparable] struct {
	fill func(*R, *Tracker, *TrackedJob)
}

func (p *eachJob[R]) Reduce(step *Step, rows []Row[R]) []Row[R] {
	if !step.JobEnds {
		return rows
	}
	rows, row := addFinal(rows, step.Job.Index)
	p.fill(row, step.Run, step.Job)
	return rows
}

func (p *eachJob[R]) Open(run *Tracker, rows []Row[R]) []Row[R] {
	for job := range run.Jobs() {
		if !job.Final {
			var row *R
			rows, row = addOpen(rows, job.Index)
			p.fill(row, run, job)
		}
	}
	return rows
}

// eachSh has one row for each ShStarted, in stream order, which is final when the sh is closed.
type eachSh[R comparable] struct {
	// fill gets the step that closes the sh, or nil while it is open.
	fill func(row *R, run *Tracker, job *TrackedJob, sh *TrackedSh, end *Step)
}

func (p *eachSh[R]) Reduce(step *Step, rows []Row[R]) []Row[R] {
	if !step.ShCloses {
		return rows
	}
	rows, row := addFinal(rows, step.Sh.Index)
	p.fill(row, step.Run, step.Job, step.Sh, step)
	return rows
}

func (p *eachSh[R]) Open(run *Tracker, rows []Row[R]) []Row[R] {
	run.EachOpenSh(func(job *TrackedJob, sh *TrackedSh) {
		var row *R
		rows, row = addOpen(rows, sh.Index)
		p.fill(row, run, job, sh, nil)
	})
	return rows
}
