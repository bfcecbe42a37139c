package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// taking follows streams on their way into a store, and tells what people
// have to know: of a stream that was set aside, or is not the one any more that
// was read.
type taking struct {
	ctx   context.Context
	store store.Store
	err   io.Writer
	// changes, when set, is told each change that would be made.
	changes *bufio.Writer
	// interrupted is what the command ends with where it is interrupted.
	interrupted error
	// exitStatus says whether it matters how the runs stand.
	exitStatus runStatus

	setAside []store.Result
	status   int   // what went wrong with single runs
	outcome  int   // what --exit-status says
	failed   error // of the store
}

// done takes the result of a run.
func (t *taking) done(result store.Result) {
	switch result.Outcome {
	case store.Skipped:
		if t.changes != nil {
			_ = t.changes.Flush() // what is known comes before what went wrong; the error comes again
		}
		tell(t.err, result.Err)
		t.setAside = append(t.setAside, result)
		t.status = worse(t.status, statusOf(result.Err))
		return
	case store.Rewritten:
		if t.changes == nil {
			say(t.err, rewritten(result))
		}
	}
	if t.changes != nil && result.Outcome != store.Unchanged {
		fmt.Fprintf(t.changes, "%s %s\n", result.Outcome, report.Printable(string(result.RunID)))
	}
	if t.exitStatus.wanted && result.Outcome != store.Pruned {
		t.read(result.RunID)
	}
}

func rewritten(result store.Result) string {
	before := ""
	if result.Before != "" {
		before = " (" + result.Before + ")"
	}
	return fmt.Sprintf("run %s: the stream is not the one that was read%s; its rows were derived again from its start", result.RunID, before)
}

// read looks up how a run stands, unless that cannot make a difference.
func (t *taking) read(run domain.RunID) {
	if t.outcome == statusFailed || t.failed != nil {
		return
	}
	row, err := store.ReadRun(t.ctx, t.store, run)
	if err != nil {
		t.failed = err
		return
	}
	t.outcome = worse(t.outcome, t.exitStatus.of(&row.Run))
}

var (
	// errInterrupted ends work that was interrupted.
	errInterrupted = &command.StatusError{Status: statusInterrupted, Err: errors.New("interrupted")}
	// errResumable does so where what was done is kept, and nothing was lost.
	errResumable = &command.StatusError{Status: statusInterrupted, Err: errors.New("interrupted; run the same command again to continue")}
)

// interrupted is the error that ends work on the streams. What a pipe has brought does not
// come again.
func (s sources) interrupted() error {
	if s.piped {
		return errInterrupted
	}
	return errResumable
}

// end returns what the command ends with, err being what the work ended with.
func (t *taking) end(err error) error {
	switch err = cmp.Or(err, t.failed); {
	case err != nil && t.ctx.Err() != nil: // whatever else that has led to
		return t.interrupted
	case err != nil:
		return err
	case t.status == statusOK && t.outcome == statusOK:
		return nil
	}
	return endWith(worse(t.status, t.outcome))
}
