package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/live"
	"github.com/quire-ci/quire-project/adapters/otlp"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// followFlags are the flags of follow.
type followFlags struct {
	readFlags
	to         string
	exitStatus runStatus
	quiet      bool
	commands   bool
	durable    bool // the rows have no other record
	color      string
	// How to detect that the writer is dead.
	idleTimeout time.Duration
	pid         int
}

func newFollow(p *app) *cobra.Command {
	var flags followFlags
	cmd := p.reading("follow", p.oneSource, func(ctx context.Context, args []string) error { return p.follow(ctx, args[0], flags) })
	f := cmd.Flags()
	f.StringVar(&flags.to, "to", "", "keep this `store` up to date: "+stores.Syntax+";\nor send traces to a collector: "+otlp.Syntax)
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "show nothing; useful with --to")
	f.BoolVar(&flags.commands, "commands", false, commandsUsage)
	command.Colors(cmd, &flags.color)
	flags.exitStatus.add(f)
	f.DurationVar(&flags.idleTimeout, "idle-timeout", 0, "treat a stream as ended if it has not grown for this `time`, such as\n10m, because its writer has died")
	f.IntVar(&flags.pid, "pid", 0, "end once the writer, the `process` with this id, has exited and the\nstreams have been read to their ends")
	command.AboveZero(cmd, "idle-timeout", "10m")
	command.AboveZero(cmd, "pid", "4242")
	p.addKeep(cmd)
	flags.readFlags.add(p, cmd)
	completeTarget(cmd, otlp.Schemes...)
	return cmd
}

// follow follows streams. If the database file disappears, it starts again with a new one, because
// all streams still exist, including those of finished runs.
func (p *app) follow(ctx context.Context, path string, flags followFlags) error {
	if path == jsonl.Stdin && (flags.idleTimeout != 0 || flags.pid != 0) {
		return command.Usage("--pid and --idle-timeout are for files; standard input ends when its writer does")
	}
	if !otlp.IsAddress(flags.to) {
		if flags.commands {
			return command.Usage("--commands goes with --to %s", otlp.Syntax)
		} else if err := flags.exitStatus.check(); err != nil {
			return err
		}
	}
	tuneMemory(50) // many idle runs are live, and little is allocated
	for {
		messages := live.NewQueue(ctx, p.Err, false) // its reader may be a pager
		err := p.followOnce(ctx, path, flags, messages)
		again := path != jsonl.Stdin && errors.Is(err, store.ErrGone)
		if again {
			say(messages, err.Error()+"; following starts again, with a new database")
		} else {
			tell(messages, err)
		}
		_ = messages.Close() // an error of stderr cannot be reported anywhere
		if !again {
			return command.End(statusOf(err))
		}
	}
}

// followOnce follows to the end, or until a [store.ErrGone].
func (p *app) followOnce(ctx context.Context, path string, flags followFlags, messages *live.Queue) (err error) {
	folder, err := follow.Check(path, domain.RunID(flags.runID))
	if err != nil {
		return err
	}
	options := follow.Options{
		Streams: flags.options(), Run: domain.RunID(flags.runID), IdleTimeout: flags.idleTimeout,
	}
	options.Tell(func(words string) { say(messages, words) }, func(err error) { tell(messages, err) })
	if flags.pid != 0 {
		if options.WriterGone, err = follow.WatchProcess(ctx, flags.pid); err != nil {
			return command.Usage("--pid: %w", err)
		}
	}
	if otlp.IsAddress(flags.to) {
		client, err := otlp.NewClient(flags.to, otlp.ClientOptions{GiveUp: -1, Say: func(words string) { say(messages, words) }})
		if err != nil {
			return command.Usage("--to: %w", err)
		}
		options.Sink = client.Sink(otlp.Options{Commands: flags.commands, AssumeEnded: flags.exitStatus.assumeEnded}, options.Streams)
	} else if flags.to != "" {
		s, err := p.openFollowed(ctx, path, flags, stores.Options{Wait: options.Retry.Do})
		if err != nil {
			return followEnd(err, folder, false)
		}
		defer func() { err = cmp.Or(err, s.Close()) }()
		options.Store = s
		if words := report.UnknownProjections(ctx, s); words != "" {
			say(messages, words)
		}
	}
	var view live.View
	if !flags.quiet {
		sayWaiting(messages, path)
		view = live.Open(ctx, p.Out, live.Options{Color: terminal.Colors(p.Out, flags.color), Wait: flags.to == ""}) // with a store, a slow reader must not delay rows
		options.View = view
		if _, drawn := view.(*live.Terminal); drawn && terminal.Of(p.Err) != nil {
			messages.Hold() // until the view is closed
		}
	}
	summary, err := follow.Follow(ctx, path, options)
	if view != nil {
		if failed := view.Close(); failed != nil && (err == nil || errors.Is(err, context.Canceled)) {
			err = &report.WriteError{Err: failed}
		}
	}
	if err := followEnd(err, folder, flags.to != "" && path != jsonl.Stdin); err != nil {
		return err
	}
	flags.exitStatus.failed = summary.Failed > 0
	flags.exitStatus.active = summary.Active > 0 || summary.CompleteSoFar > 0 && !flags.exitStatus.assumeEnded
	return command.End(cmp.Or(worstOf(slices.Concat(summary.Skipped, summary.Unread)...), flags.exitStatus.status()))
}

// sayWaiting says that what is to be followed, if anything, is not there.
func sayWaiting(messages io.Writer, path string) {
	if _, err := os.Stat(path); path != "" && path != jsonl.Stdin && errors.Is(err, fs.ErrNotExist) {
		say(messages, "waiting for "+path+", which is not there yet")
	}
}

// followEnd returns the error of the command. err is why following ended; stored means that a store
// has everything that was read.
func followEnd(err error, folder, stored bool) error {
	switch {
	case !errors.Is(err, context.Canceled):
		return err
	case folder:
		return nil
	case stored:
		return errResumable
	}
	return err
}

// openFollowed opens the store that follow updates. It waits while the store is unavailable.
func (p *app) openFollowed(ctx context.Context, path string, flags followFlags, options stores.Options) (stores.Store, error) {
	if err := flags.checkRunID(); err != nil {
		return nil, err
	}
	options.Follow, options.Durable = true, flags.durable
	return p.open(ctx, flags.to, options, jsonl.Streams{Paths: []string{path}})
}
