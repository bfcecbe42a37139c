package cli

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/live"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// told tells a person what happens while streams are followed: on the view, where
// there is one, and in words.
type told struct {
	view    live.View // nil if nothing is shown
	remarks *remarks
}

func newTold(ctx context.Context, stderr io.Writer) *told {
	return &told{remarks: newRemarks(ctx, stderr)}
}

func (t *told) notices() follow.Notices {
	return follow.Notices{
		Warn:       func(err error) { t.remarks.once(err.Error()) },
		SetAside:   t.setAside,
		Rewritten:  func(result store.Result) { t.remarks.now(rewritten(result)) },
		Waiting:    t.waiting,
		Abandoned:  t.abandoned,
		Unfinished: func(err error) { t.remarks.now(err.Error() + "; run the same command again to continue") },
	}
}

func (t *told) patience() *follow.Patience {
	return &follow.Patience{
		Away: func(err error) { t.remarks.now(err.Error() + waitingAdvice(err) + "; waiting until it is back") },
		Back: func() { t.remarks.now("the store is back; nothing was lost") },
	}
}

// waitingAdvice says what others than this program can do.
func waitingAdvice(err error) string {
	if errors.Is(err, store.ErrFull) && !strings.Contains(err.Error(), "make room") {
		return "; make room"
	}
	return ""
}

// setAside tells what is wrong with a stream, which is not followed any more.
func (t *told) setAside(run domain.RunID, err error) {
	if t.view != nil && run != "" {
		t.view.Trouble(run, err.Error())
	}
	t.remarks.once(err.Error() + advice(err))
}

// abandoned tells of a run that will not go on.
func (t *told) abandoned(_ domain.RunID, path string) {
	t.remarks.now(path + ": the run has no end, and its writer is gone; what is there was read")
}

// waiting shows that a run waits for the store, or waits no more.
func (t *told) waiting(run domain.RunID, err error) {
	switch {
	case t.view == nil:
	case err == nil:
		t.view.Waiting(run, "")
	default:
		t.view.Waiting(run, "waiting for the store: "+err.Error())
	}
}

// close ends the view.
func (t *told) close() error {
	if t.view == nil {
		return nil
	}
	if err := t.view.Close(); err != nil {
		return &report.WriteError{Err: err}
	}
	return nil
}
