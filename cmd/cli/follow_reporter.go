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

// followReporter reports what happens while streams are followed: on the view, where there is one,
// and in words on standard error. If a view is drawn on the same terminal, the words come after it.
type followReporter struct {
	stderr io.Writer
	out    *live.Queue // of words for stderr, which may be a pager's too

	mu   sync.Mutex
	view live.View // nil if nothing is shown
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

// waitingAdvice says what others than this program can do.
func waitingAdvice(err error) string {
	if errors.Is(err, store.ErrFull) && !strings.Contains(err.Error(), "make room") {
		return "; make room"
	}
	return ""
}

// skipped reports why a stream is not followed any more.
func (r *followReporter) skipped(run domain.RunID, err error) {
	if r.view != nil && run != "" {
		r.view.Trouble(run, err.Error())
	}
	r.once(err.Error() + advice(err))
}

// waiting shows that a run waits for the store, or waits no more.
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

// once says something, unless it was said before: a stream that changes again and again has the
// same fault each time.
func (r *followReporter) once(text string) {
	r.mu.Lock()
	known := r.said[text]
	r.said[text] = true
	r.mu.Unlock()
	if !known {
		r.say(text)
	}
}

// maxHeld is how many words are held back: the first and the last ones.
const maxHeld = 1000

// say says something, which may be said again.
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

// closeView ends the view, and returns why the command ends: following, or the view, which could
// not be written.
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

// end says what was held back, and what the command ends with. It returns the status.
func (r *followReporter) end(err error) error {
	r.mu.Lock()
	r.hold = false
	held := r.held
	r.mu.Unlock()
	for _, text := range held {
		r.say(text)
	}
	tell(r.out, err)
	_ = r.out.Close() // there is nowhere to report it
	if err == nil {
		return nil
	}
	return command.End(statusOf(err))
}
