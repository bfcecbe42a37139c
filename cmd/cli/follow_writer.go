package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// writerFlags are the flags that tell follow how to detect a dead writer.
type writerFlags struct {
	idleTimeout time.Duration
	pid         int
}

func (f *writerFlags) add(flags *pflag.FlagSet) {
	flags.DurationVar(&f.idleTimeout, "idle-timeout", 0, "treat a stream as ended if it has not grown for this `long`, such as\n10m, because its writer has died")
	flags.IntVar(&f.pid, "pid", 0, "end once the writer, the `process` with this id, is gone and the\nstreams have been read to their ends")
}

func (f *writerFlags) check(cmd *cobra.Command, path string) error {
	switch {
	case path == jsonl.Stdin && (f.idleTimeout != 0 || f.pid != 0):
		return command.Usage("--pid and --idle-timeout are for files; standard input ends when its writer does")
	case cmd.Flags().Changed("idle-timeout") && f.idleTimeout <= 0:
		return command.Usage("--idle-timeout is a time above 0, such as 10m")
	case cmd.Flags().Changed("pid") && f.pid <= 0:
		return command.Usage("--pid: %d is not the id of a process", f.pid)
	}
	return nil
}

// writer returns how long a stream may be idle before it counts as ended, and a channel that is closed
// when the writer is gone.
func (f *writerFlags) writer(ctx context.Context) (time.Duration, <-chan struct{}, error) {
	if f.pid == 0 {
		return f.idleTimeout, nil, nil
	}
	gone, err := follow.WatchProcess(ctx, f.pid)
	if err != nil {
		return 0, nil, command.Usage("--pid: %w", err)
	}
	return f.idleTimeout, gone, nil
}
