package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
)

// logs are those of a run. They are kept, or shown when the run ends.
type logs struct {
	folder    string
	temporary bool
	screen    *screen
	written   []string // in the order of their commands
}

// openLogs says where logs go: into a folder that keeps them, or into one for now.
func openLogs(ctx context.Context, kept string, screen *screen) (*logs, error) {
	if kept != "" {
		return &logs{folder: kept, screen: screen}, nil
	}
	folder, err := os.MkdirTemp("", "quire-ci-")
	if err != nil {
		return nil, fmt.Errorf("a folder for the logs: %w", err)
	}
	hurryOf(ctx).leaving(func() { os.RemoveAll(folder) })
	return &logs{folder: folder, temporary: true, screen: screen}, nil
}

// observe learns of logs. Where they are kept, the end of that of a command which has
// failed is shown at once.
func (l *logs) observe(progress shell.Progress) {
	switch progress.Event.Kind {
	case domain.ShStarted:
		l.written = append(l.written, progress.Log)
	case domain.ShFinished:
		if progress.Event.ExitCode != 0 && !l.temporary {
			l.screen.excerpt(tail(progress.Log))
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

// end shows and removes what is not kept. The next Ctrl-C ends the showing.
func (l *logs) end(ctx context.Context) {
	if !l.temporary {
		return
	}
	if ctx.Err() != nil { // the first one has ended the run
		ctx = hurryOf(ctx)
	}
	for _, path := range l.written {
		if err := l.show(ctx, path); ctx.Err() != nil {
			l.screen.say("interrupted; the rest of the logs is not shown")
			break
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.screen.say(fmt.Sprintf("a log cannot be shown: %v", err))
		}
	}
	if err := os.RemoveAll(l.folder); err != nil {
		l.screen.say(fmt.Sprintf("the logs cannot be removed: %v; remove %s", err, l.folder))
	}
}

// show shows a log below its name, unless it is empty.
func (l *logs) show(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReaderSize(untilDone{ctx, file}, 64<<10)
	if _, err := lines.Peek(1); err == io.EOF {
		return nil
	}
	name, err := filepath.Rel(l.folder, path)
	if err != nil {
		return err
	}
	return l.screen.show(name, lines)
}

// untilDone reads until a context ends.
type untilDone struct {
	context.Context
	io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}
