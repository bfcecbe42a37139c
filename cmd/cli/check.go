package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/projections"
)

func newCheck(p *app) *cobra.Command {
	var flags readFlags
	cmd := &cobra.Command{
		Use:   "check SOURCE...",
		Short: "Say what is odd about a stream",
		Long: `Say what is odd about a stream: print its diagnostics, one a line as
FILE:LINE: code: what it means, and a count by code behind them. A stream is read
to its end; a malformed line is one more finding.

Exit status: 0 nothing is odd; 4 a line is malformed; 5 something else is odd; 1 a
stream cannot be read; 2 wrong usage; 130 interrupted.`,
		Example: `  quire-project check run.jsonl
  quire-project check runs/`,
		Args: p.someSources, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return check(cmd.Context(), args, flags, p.stdio)
		},
	}
	flags.add(cmd)
	_ = cmd.Flags().MarkHidden("on-malformed") // it is there, and makes no difference
	return cmd
}

func check(ctx context.Context, paths []string, flags readFlags, std stdio) error {
	sources, err := flags.find(paths)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(std.out)
	c := &checker{out: buffered, counts: map[projections.Code]int{}}
	status := statusOK
	for source, err := range sources.all() {
		if err == nil {
			err = c.stream(ctx, source, sources.reading(source))
		}
		err = cmp.Or(ctx.Err(), err)
		if err != nil {
			_ = buffered.Flush() // what was found comes before what went wrong
			tell(std.err, err)
			status = worse(status, statusOf(err))
		}
		if status == statusInterrupted {
			break
		}
	}
	c.summary()
	if err := buffered.Flush(); err != nil {
		return &writeError{err}
	}
	if len(c.counts) > 0 {
		status = worse(status, statusFound)
	}
	if c.counts[projections.MalformedLine] > 0 {
		status = worse(status, statusMalformed)
	}
	if status != statusOK {
		return endWith(status)
	}
	return nil
}

// checker prints what is odd about streams.
type checker struct {
	out    *bufio.Writer
	counts map[projections.Code]int
}

func (c *checker) stream(ctx context.Context, source jsonl.Location, options jsonl.Options) error {
	file, err := source.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	name := report.Printable(source.Path)
	var skipped sync.Map // why lines are malformed, by their numbers, until that is printed
	options.OnMalformed = jsonl.Skip
	options.Skipped = func(err *jsonl.MalformedError) { skipped.Store(err.Line, err) }
	fold := projections.NewFold(source.Run, projections.Diagnostics.Into(func(row *projections.Row[projections.Diagnostic]) {
		d := row.Value
		c.counts[d.Code]++
		meaning := d.Code.Meaning()
		if why, ok := skipped.LoadAndDelete(d.Line); ok {
			malformed := why.(*jsonl.MalformedError)
			meaning = fmt.Sprintf("%s (column %d)", report.Printable(malformed.Reason), malformed.Column)
		}
		if d.Code == projections.TornTail && file.Cut() {
			meaning = "the compressed file is cut off here: its end is missing"
		}
		if d.JobID.Valid {
			meaning += fmt.Sprintf(" (job %s)", report.Printable(d.JobID.V))
		}
		fmt.Fprintf(c.out, "%s:%d: %s: %s\n", name, d.Line, d.Code, meaning)
	}))
	entries, stop := ahead(ctx, file, options)
	defer stop()
	if !file.Regular {
		entries = projections.BeforeEach(entries, c.out.Flush)
	}
	return fold.Drain(entries)
}

// summary prints a count by code, the most frequent first.
func (c *checker) summary() {
	var codes []projections.Code
	for code := range c.counts {
		codes = append(codes, code)
	}
	slices.SortFunc(codes, func(a, b projections.Code) int {
		if c.counts[a] != c.counts[b] {
			return c.counts[b] - c.counts[a]
		}
		if a < b {
			return -1
		}
		return 1
	})
	for _, code := range codes {
		fmt.Fprintf(c.out, "%7d %s\n", c.counts[code], code)
	}
}
