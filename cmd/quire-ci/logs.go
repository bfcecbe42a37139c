package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
)

// logs are those of a run, and where people see them.
type logs struct {
	folder    string
	temporary bool
	quiet     bool // commands' output is shown only of those that have failed
	screen    *screen
}

// openLogs says where logs go: into a folder that keeps them, or into one for now.
func openLogs(ctx context.Context, kept string, quiet bool, screen *screen) (*logs, error) {
	if kept != "" {
		return &logs{folder: kept, quiet: quiet, screen: screen}, nil
	}
	folder, err := os.MkdirTemp("", "quire-ci-")
	if err != nil {
		return nil, fmt.Errorf("a folder for the logs: %w", err)
	}
	hurryOf(ctx).leaving(func() { os.RemoveAll(folder) })
	return &logs{folder: folder, temporary: true, quiet: quiet, screen: screen}, nil
}

// live is where output is shown while it comes; nil for nowhere.
func (l *logs) live() io.Writer {
	if l.quiet {
		return nil
	}
	return l.screen
}

// observe shows the output of a command that has failed, unless people have seen it: the end of
// it or, if the log is not kept, all.
func (l *logs) observe(progress shell.Progress) {
	if event := progress.Event; l.quiet && event.Kind == domain.ShFinished && event.ExitCode != 0 {
		if err := show(l.screen, progress.Log, l.temporary); err != nil {
			l.screen.say(fmt.Sprintf("a log cannot be shown: %v", err))
		}
	}
}

// explain says of a run that a command has failed where its output is.
func (l *logs) explain(err error) error {
	var exit *shell.ExitError
	var failed *shell.FailedError
	if !errors.As(err, &failed) || !errors.As(err, &exit) {
		return err
	}
	where := "in " + exit.Log
	if l.temporary {
		where = "above"
	}
	return &statusError{statusFailed, fmt.Errorf("job %s failed: command %d exited with %d; its output is %s", exit.JobID, exit.Seq, exit.Code, where)}
}

// end removes what is not kept.
func (l *logs) end() {
	if !l.temporary {
		return
	}
	if err := os.RemoveAll(l.folder); err != nil {
		l.screen.say(fmt.Sprintf("the logs cannot be removed: %v; remove %s", err, l.folder))
	}
}
