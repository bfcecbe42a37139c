package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/live"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// followReporter reports progress while streams are followed: on the view, if there is one, and as
// messages on standard error. If the view is drawn on the same terminal, messages are printed after it
// ends.
type followReporter struct {
	stderr io.Writer
	out    *live.Queue // messages for stderr, which may be a pager's input

	mu   sync.Mutex
	view live.View // nil with --quiet
	hold bool
	held []string
	said map[string]bool
}

func newFollowReporter(ctx context.Context, stderr io.Writer) *followReporter {
	return &followReporter{stderr: stderr, out: live.NewQueue(ctx, stderr, false), said: map[string]bool{}}
}

func (r *followReporter) report() follow.Report {
	return follow.Report{
		Warn:      func(err error) { r.once(err.Error()) },
		Skipped:   r.skipped,
		Rewritten: func(result store.Result) { r.say(rewritten(result)) },
		Waiting:   r.waiting,
		Abandoned: func(_ domain.RunID, path string) {
			if path == jsonl.Stdin {
				path = "standard input"
			}
			r.say(path + ": the run has no end, and its writer is gone; what is there was read")
		},
		Unfinished: func(err error) { r.say(err.Error() + "; run the same command again to continue") },
	}
}

func (r *followReporter) retry() *follow.Retry {
	return &follow.Retry{
		Away: func(err error) { r.say(err.Error() + waitingAdvice(err) + "; waiting until it is back") },
		Back: func() { r.say("the store is back; nothing was lost") },
	}
}

// waitingAdvice returns what the user can do about an error of the store.
func waitingAdvice(err error) string {
	if errors.Is(err, store.ErrFull) && !strings.Contains(err.Error(), "make room") {
		return "; make room"
	}
	return ""
}

// skipped reports why following a stream has stopped.
func (r *followReporter) skipped(run domain.RunID, err error) {
	if r.view != nil && run != "" {
		r.view.Trouble(run, err.Error())
	}
	r.once(err.Error() + advice(err))
}

// waiting shows whether a run waits for the store.
func (r *followReporter) waiting(run domain.RunID, err error) {
	switch {
	case r.view == nil:
	case err == nil:
		r.view.Waiting(run, "")
	default:
		r.view.Waiting(run, "waiting for the store: "+err.Error())
	}
}

// show sets the view.
func (r *followReporter) show(view live.View) {
	_, drawn := view.(*live.Terminal)
	r.view, r.hold = view, drawn && command.Terminal(r.stderr) != nil
}

// once prints a message unless it was printed before: a stream that changes repeatedly has the same
// error each time.
func (r *followReporter) once(text string) {
	r.mu.Lock()
	known := r.said[text]
	r.said[text] = true
	r.mu.Unlock()
	if !known {
		r.say(text)
	}
}

// maxHeld is the maximum number of messages that are held back: the first and the last ones.
const maxHeld = 1000

// say prints a message, even if it was printed before.
func (r *followReporter) say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.hold {
		say(r.out, text)
		return
	}
	if r.held = append(r.held, text); len(r.held) > maxHeld {
		r.held = slices.Delete(r.held, maxHeld/2, maxHeld/2+1)
	}
}

// closeView closes the view, and returns why the command ends: the error of following, or of writing
// the view.
func (r *followReporter) closeView(following error) error {
	if r.view == nil {
		return following
	}
	err := r.view.Close()
	if err != nil {
		err = &report.WriteError{Err: err}
	}
	if err != nil && errors.Is(following, context.Canceled) {
		return err
	}
	return cmp.Or(following, err)
}

// end prints the messages that were held back, and the error of the command. It returns the status as
// an error.
func (r *followReporter) end(err error) error {
	r.mu.Lock()
	r.hold = false
	held := r.held
	r.mu.Unlock()
	for _, text := range held {
		r.say(text)
	}
	tell(r.out, err)
	_ = r.out.Close() // there is nowhere to report an error of stderr
	if err == nil {
		return nil
	}
	return command.End(statusOf(err))
}
