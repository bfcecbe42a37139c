package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

func newLog(p *app) *cobra.Command {
	var flags readFlags
	var logs report.Logs
	var color string
	source := func(cmd *cobra.Command, args []string) error { return p.someSources(cmd, args[:min(len(args), 1)]) }
	cmd := p.reading("log", source, func(ctx context.Context, args []string) error {
		logs.Names = args[1:]
		return p.log(ctx, args[:1], flags, logs, color)
	})
	cmd.Flags().StringVar(&logs.Folder, "logs", "", "the `folder` with the logs: what quire-ci took as --out-dir\n(default: the folder of the stream)")
	cmd.Flags().BoolVar(&logs.Raw, "raw", false, "print logs as they are, with the time and output of each line")
	cmd.Flags().BoolVar(&logs.Paths, "path", false, "print the paths of the logs instead")
	command.Colors(cmd, &color)
	flags.add(cmd)
	return cmd
}

func (p *app) log(ctx context.Context, paths []string, flags readFlags, logs report.Logs, color string) error {
	if logs.Raw && logs.Paths {
		return command.Usage("--raw prints logs, --path the paths of logs; give one of them")
	}
	streams, err := flags.find(paths)
	if err != nil {
		return err
	}
	work := p.begin(&streams, true)
	logs.Terminal, logs.Color, logs.Width = terminal.Of(p.Out) != nil, terminal.Colors(p.Out, color), terminal.Width(p.Out)
	logs.Failed = work.failed
	err = logs.Write(ctx, p.Out, streams)
	if errors.Is(err, report.ErrNoFailed) {
		tell(p.Err, err)
		err = nil
	}
	if err != nil {
		return err
	}
	return command.End(work.status)
}
