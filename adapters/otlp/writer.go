package otlp

import (
	"context"
	"errors"
	"io"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Writer exports runs to OpenTelemetry, one after the other. It is a [report.Document].
type Writer struct {
	batch   *batch
	options Options
	// rejected is the total that the collector has rejected, with the message of the first
	// rejection.
	rejected *RejectedError
}

// Open returns a Writer for a target: of lines to out if it is [Format], or to the collector at
// that address. An error is a [ConfigError].
func Open(ctx context.Context, target string, out io.Writer, options Options, client ClientOptions) (*Writer, error) {
	if target == Format {
		return NewWriter(out, options), nil
	}
	c, err := NewClient(target, client)
	if err != nil {
		return nil, err
	}
	return c.Writer(ctx, options), nil
}

// NewWriter returns a Writer of OTLP/JSON lines for the collector's otlpjsonfile receiver: each
// line is a TracesData. Call Close at the end.
func NewWriter(out io.Writer, options Options) *Writer {
	return &Writer{options: options, batch: newBatch(func(traces ptrace.Traces) error {
		var encoder ptrace.JSONMarshaler
		line, err := encoder.MarshalTraces(traces)
		if err == nil {
			_, err = report.Output{Writer: out}.Write(append(line, '\n'))
		}
		return err
	})}
}

// Writer returns a Writer that sends runs to the collector until ctx ends. If the collector rejects
// some spans, the Writer continues with the others, and Close returns a [*RejectedError].
func (c *Client) Writer(ctx context.Context, options Options) *Writer {
	w := &Writer{options: options}
	w.batch = newBatch(func(traces ptrace.Traces) error {
		err := c.Send(ctx, traces)
		var rejected *RejectedError
		switch {
		case errors.As(err, &rejected) && w.rejected == nil:
			w.rejected = rejected
			return nil
		case rejected != nil:
			w.rejected.Spans += rejected.Spans
			return nil
		case err != nil && ctx.Err() == nil:
			return &report.WriteError{Err: err}
		}
		return err
	})
	return w
}

// Add folds the stream of a run and returns the row of the run. The error is that of the stream or
// of the output; after an error of the output, nothing more is written. If the stream cannot be
// read to its end, the spans of the rows that were final have been written.
func (w *Writer) Add(run domain.RunID, stream projections.Stream, options report.Options) (projections.Run, error) {
	fold, spans := newFold(run, w.batch, w.options)
	if err := fold.Drain(projections.BeforeEach(stream, func() error {
		if options.Live { // a live reader must not wait for a full batch
			w.batch.flush()
		}
		return w.batch.err
	})); err != nil {
		return projections.Run{}, err
	}
	spans.ending = true
	fold.Open()
	return spans.row, w.batch.err
}

// Close writes the gathered spans. It does not close the output.
func (w *Writer) Close() error {
	w.batch.flush()
	if w.batch.err == nil && w.rejected != nil {
		return &report.WriteError{Err: w.rejected}
	}
	return w.batch.err
}
