package otlp

import (
	"fmt"
	"mime"
	"net/http"

	"github.com/cenkalti/backoff/v5"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/quire-ci/quire-project/adapters/internal/posting"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// RejectedError reports that a collector accepted a batch except for some of its spans. Those are
// not sent again.
type RejectedError struct {
	Collector string
	// Spans is how many were rejected; 0 if the response only has a message.
	Spans int64
	// Message is the collector's message, safe to print.
	Message string
}

func (e *RejectedError) Error() string {
	if e.Spans == 0 {
		return fmt.Sprintf("the collector at %s says: %s", e.Collector, e.Message)
	}
	return fmt.Sprintf("the collector at %s rejected spans (%d): %s", e.Collector, e.Spans, e.Message)
}

// judge returns the error that a response means; nil if the collector accepted the spans.
func (c *Client) judge(answer *posting.Answer) error {
	status := answer.Status
	err := c.failed(status, "answered %d %s", status, http.StatusText(status))
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return answer.Busy(err)
	case status >= 300 && status < 400:
		return backoff.Permanent(c.failed(status, "answered %d: it has another address, to which nothing was sent; name that one", status))
	case status < 200 || status >= 300:
		return backoff.Permanent(err)
	case answer.Err != nil:
		return posting.Busy(c.failed(status, "broke off its answer: %w", answer.Err))
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != "application/x-protobuf" {
		return nil
	}
	rejected := &RejectedError{Collector: c.String()}
	if rejected.read(answer.Body); rejected.Spans > 0 {
		return backoff.Permanent(rejected)
	}
	if rejected.Message != "" {
		c.options.Say(rejected.Error())
	}
	return nil
}

// maxMessage limits a shown message, in bytes.
const maxMessage = 200

// read parses an ExportTraceServiceResponse: its field 1 has the number of rejected spans in field
// 1 and a message in field 2.
func (e *RejectedError) read(answer []byte) {
	each(answer, func(field protowire.Number, kind protowire.Type, value []byte) {
		if field != 1 || kind != protowire.BytesType {
			return
		}
		partial, _ := protowire.ConsumeBytes(value)
		each(partial, func(field protowire.Number, kind protowire.Type, value []byte) {
			switch {
			case field == 1 && kind == protowire.VarintType:
				spans, _ := protowire.ConsumeVarint(value)
				e.Spans = int64(spans)
			case field == 2 && kind == protowire.BytesType:
				message, _ := protowire.ConsumeString(value)
				e.Message = printable.Name(clip(message, maxMessage))
			}
		})
	})
}

// each calls f for the fields of a message, up to the first malformed one.
func each(message []byte, f func(protowire.Number, protowire.Type, []byte)) {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(field, kind, message); n < 0 {
			return
		}
		f(field, kind, message[:n])
		message = message[n:]
	}
}
