package report

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/projections"
)

// Check writes the diagnostics of streams, one line "FILE:LINE: code: meaning" for each, followed
// by the counts by code, the most frequent first, which it also returns. It reads each stream to
// its end, and calls failed with the error of each stream that cannot be read.
func Check(ctx context.Context, out io.Writer, streams jsonl.Streams, failed func(error)) (map[projections.Code]int, error) {
	c := &checker{out: bufio.NewWriter(out), streams: streams, counts: map[projections.Code]int{}}
	for at, err := range streams.Locations() {
		if err == nil {
			err = c.file(ctx, at)
		}
		if err = cmp.Or(ctx.Err(), err); err != nil {
			_ = c.out.Flush() // write the findings before reporting the error
			failed(err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	codes := slices.SortedFunc(maps.Keys(c.counts), func(a, b projections.Code) int {
		return cmp.Or(c.counts[b]-c.counts[a], cmp.Compare(a, b))
	})
	for _, code := range codes {
		fmt.Fprintf(c.out, "%7d %s\n", c.counts[code], code)
	}
	return c.counts, c.out.Flush()
}

// checker writes the diagnostics of streams.
type checker struct {
	out     *bufio.Writer
	streams jsonl.Streams
	counts  map[projections.Code]int
}

func (c *checker) file(ctx context.Context, at jsonl.Location) error {
	var skipped sync.Map // the reasons for malformed lines, by line number, until they are printed
	options := c.streams.Options
	options.OnMalformed = jsonl.Skip
	options.Skipped = func(err *jsonl.MalformedError) { skipped.Store(err.Line, err) }
	entries, err := c.streams.Open(ctx, at, options, true)
	if err != nil {
		return err
	}
	defer entries.Close()
	fold := projections.NewFold(at.Run, projections.Diagnostics.Into(func(row *projections.Row[projections.Diagnostic]) {
		d := row.Value
		c.counts[d.Code]++
		meaning := d.Code.Meaning()
		if why, ok := skipped.LoadAndDelete(d.Line); ok {
			malformed := why.(*jsonl.MalformedError)
			meaning = fmt.Sprintf("%s (column %d)", Printable(malformed.Reason), malformed.Column)
		}
		if d.Code == projections.TornTail && entries.Cut() {
			meaning = "the compressed file is cut off here: its end is missing"
		}
		if d.JobID.Valid {
			meaning += fmt.Sprintf(" (job %s)", Printable(d.JobID.V))
		}
		fmt.Fprintf(c.out, "%s:%d: %s: %s\n", Printable(at.Path), d.Line, d.Code, meaning)
	}))
	var stream projections.Stream = entries
	if !entries.Regular {
		stream = projections.BeforeEach(stream, c.out.Flush)
	}
	return fold.Drain(stream)
}
