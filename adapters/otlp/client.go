package otlp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/klauspost/compress/gzip"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/quire-ci/quire-project/adapters/internal/posting"
)

// ClientOptions are the options of a [Client]. The zero value has the defaults.
type ClientOptions struct {
	// GiveUp is how long the client tries to send one batch. The default is a minute; a negative
	// value means no limit.
	GiveUp time.Duration
	// Say, if set, is called with messages for the user: when the collector becomes unavailable,
	// when it is available again, and what its responses say.
	Say func(string)
	// Getenv returns an environment variable. The default is [os.Getenv].
	Getenv func(string) string
}

// Client sends traces to a collector. It is safe for concurrent use.
type Client struct {
	options ClientOptions
	to      *url.URL
	headers http.Header
	gzip    bool
	timeout time.Duration
	http    *posting.Client
	pause   time.Duration // before the next attempt

	mu   sync.Mutex
	away bool
}

// The shortest and the longest pause between attempts.
const (
	firstPause = 500 * time.Millisecond
	maxPause   = 15 * time.Second
)

// NewClient returns a client for the collector at an address. An error is a [ConfigError].
func NewClient(address string, options ClientOptions) (*Client, error) {
	if options.GiveUp == 0 {
		options.GiveUp = time.Minute
	}
	if options.Say == nil {
		options.Say = func(string) {}
	}
	if options.Getenv == nil {
		options.Getenv = os.Getenv
	}
	to, addressErr := parseAddress(address)
	env := environment(options.Getenv)
	headers, headersErr := env.headers()
	gzip, gzipErr := env.gzip()
	timeout, timeoutErr := env.timeout()
	certificates, tlsErr := env.tls()
	for _, err := range []error{addressErr, headersErr, gzipErr, timeoutErr, tlsErr} {
		if err != nil {
			return nil, err
		}
	}
	return &Client{options: options, to: to, headers: headers, gzip: gzip, timeout: timeout, pause: firstPause, http: posting.New(certificates)}, nil
}

// String returns the address, which contains no secret.
func (c *Client) String() string { return c.to.Scheme + "://" + c.to.Host }

// SendError reports that a collector did not accept spans.
type SendError struct {
	// Collector is the address.
	Collector string
	// Status is the status of its response; 0 if there was none.
	Status int
	Err    error
}

func (e *SendError) Error() string { return "the collector at " + e.Collector + " " + e.Err.Error() }
func (e *SendError) Unwrap() error { return e.Err }

func (c *Client) failed(status int, format string, values ...any) error {
	return &SendError{c.String(), status, fmt.Errorf(format, values...)}
}

// Send sends traces. It retries while the collector is unavailable or busy. An error is a
// [*SendError], a [*RejectedError], or that of ctx.
func (c *Client) Send(ctx context.Context, traces ptrace.Traces) error {
	var encoder ptrace.ProtoMarshaler // a TracesData has the same encoding as an ExportTraceServiceRequest
	body, err := encoder.MarshalTraces(traces)
	if err == nil && c.gzip {
		body, err = compress(body)
	}
	if err != nil {
		return err
	}
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = c.pause, maxPause
	var last error
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		last = c.post(ctx, body)
		return struct{}{}, last
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(max(c.options.GiveUp, 0)), backoff.WithNotify(func(err error, _ time.Duration) { c.setAway(err) }))
	if err == nil {
		c.setAway(nil)
	}
	if busy := (*posting.BusyError)(nil); errors.As(err, &busy) {
		err = busy.Err
	}
	return err
}

// sendOrWarn sends traces, and only reports it if the collector rejects spans.
func (c *Client) sendOrWarn(ctx context.Context, traces ptrace.Traces) error {
	err := c.Send(ctx, traces)
	if errors.As(err, new(*RejectedError)) {
		c.options.Say(err.Error())
		return nil
	}
	return err
}

// post makes one attempt.
func (c *Client) post(ctx context.Context, body []byte) error {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	header := c.headers.Clone()
	header.Set("Content-Type", "application/x-protobuf")
	if c.gzip {
		header.Set("Content-Encoding", "gzip")
	}
	answer, err := c.http.Post(ctx, c.to.String(), header, body)
	switch {
	case posting.IsUntrusted(err):
		return backoff.Permanent(c.failed(0, "cannot be reached: %w", err))
	case err != nil:
		return posting.Busy(c.failed(0, "cannot be reached: %w", err))
	}
	return c.judge(answer)
}

func compress(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

// setAway records why the collector is unavailable; nil if it is available.
func (c *Client) setAway(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch away := err != nil; {
	case away == c.away:
		return
	case away:
		c.options.Say(err.Error() + "; waiting until it takes spans")
	default:
		c.options.Say("the collector takes spans again; nothing was lost")
	}
	c.away = err != nil
}
