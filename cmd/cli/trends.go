package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/trends"
)

func newTrends(p *app) *cobra.Command {
	var from, label string
	to, last := string(report.Table), 200
	cmd := help.Command("trends", command.NoArguments, func(ctx context.Context, _ []string) error {
		page := store.Page{Limit: last}
		key, value, labelled := strings.Cut(label, "=")
		if err := stores.Check(from); err != nil {
			return command.Usage("--from: %w", err)
		} else if last < 1 || last > 1000 || label != "" && !labelled {
			return command.Usage("--last is a number from 1 to 1000, and --label is KEY=VALUE")
		} else if labelled {
			page.Label = &projections.Label{Key: key, Value: value}
		}
		return p.with(ctx, from, stores.Options{MustExist: true}, jsonl.Streams{}, func(s stores.Store) error {
			t, err := trends.Stored(ctx, s, page, nil)
			if err != nil {
				return err
			}
			out, columns := p.printer()
			return report.WriteTrends(out, report.Format(to), columns, t)
		})
	})
	cmd.Flags().StringVar(&from, "from", "", "the `store` with the runs: "+stores.Syntax)
	cmd.Flags().StringVar(&label, "label", "", "only runs with this label, as `KEY=VALUE`")
	cmd.Flags().IntVar(&last, "last", last, "how many runs to look at, the latest ones")
	command.Choice(cmd, &to, "to", "how to print it: table, json or markdown", string(report.Table), string(report.JSON), string(report.Markdown))
	return cmd
}
