// Package posting sends data over HTTP to a server that may be unavailable or busy.
package posting

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// File is a file that a setting names. Setting is the user's name for the setting, such as a flag.
type File struct{ Setting, Path string }

// TLS returns the trusted certificates and the client certificate. Files without a path are
// skipped; without ca, the system's certificates are trusted. An error names the setting.
func TLS(ca, certificate, key File) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca.Path != "" {
		pem, err := os.ReadFile(ca.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ca.Setting, printable.Error(err))
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %s has no certificate in PEM", ca.Setting, printable.Name(ca.Path))
		}
	}
	switch {
	case certificate.Path == "" && key.Path == "":
		return config, nil
	case certificate.Path == "" || key.Path == "":
		return nil, fmt.Errorf("set both %s and %s, or neither", certificate.Setting, key.Setting)
	}
	pair, err := tls.LoadX509KeyPair(certificate.Path, key.Path)
	if file, ok := errors.AsType[*os.PathError](err); ok {
		return nil, fmt.Errorf("%s, or its certificate: %w", key.Setting, printable.Error(file))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: the key and the certificate are not a pair in PEM", key.Setting)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// Client sends data. It is safe for concurrent use.
type Client struct{ http.Client }

// idle is how many connections to a server are kept open while they are not used.
const idle = 64

// New returns a client.
func New(certificates *tls.Config) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = certificates
	transport.MaxIdleConnsPerHost = idle
	return &Client{http.Client{
		Transport: transport,
		// Headers may have a secret that is for one address alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Answer is the answer of a server.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // its first bytes, see [MaxAnswer]
	Err    error  // of reading Body
}

// MaxAnswer is how much of an answer is read.
const MaxAnswer = 64 << 10

// Post makes one attempt. The error does not contain the address.
func (c *Client) Post(ctx context.Context, to string, header http.Header, body []byte) (*Answer, error) {
	return c.ask(ctx, http.MethodPost, to, header, bytes.NewReader(body))
}

// Head is Post for a request without a body.
func (c *Client) Head(ctx context.Context, to string, header http.Header) (*Answer, error) {
	return c.ask(ctx, http.MethodHead, to, header, nil)
}

func (c *Client) ask(ctx context.Context, method, to string, header http.Header, body io.Reader) (*Answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return nil, withoutAddress(err)
	}
	request.Header = header
	request.Header.Set("User-Agent", "quire-project")
	response, err := c.Do(request)
	if err != nil {
		return nil, withoutAddress(err)
	}
	defer response.Body.Close()
	answer := &Answer{Status: response.StatusCode, Header: response.Header}
	answer.Body, answer.Err = io.ReadAll(io.LimitReader(response.Body, MaxAnswer))
	return answer, nil
}

func withoutAddress(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// IsUntrusted reports whether err is about the certificate of a server, which makes retries
// pointless.
func IsUntrusted(err error) bool { return errors.As(err, new(*tls.CertificateVerificationError)) }

// BusyError is a temporary error. The server may have said when to retry.
type BusyError struct {
	Err   error
	after *backoff.RetryAfterError
}

// Busy marks err as temporary.
func Busy(err error) *BusyError { return &BusyError{Err: err} }

// Busy marks err as temporary, for an answer that asks to send the data later.
func (a *Answer) Busy(err error) *BusyError {
	return &BusyError{err, retryAfter(a.Header.Get("Retry-After"), time.Now())}
}

func (e *BusyError) Error() string { return e.Err.Error() }

func (e *BusyError) Unwrap() []error {
	if e.after == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.after}
}

// MaxWait is the longest time for which an answer can make the client wait.
const MaxWait = 10 * time.Minute

// retryAfter parses the header Retry-After, which is in seconds or a date; nil if it is missing.
func retryAfter(header string, now time.Time) *backoff.RetryAfterError {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	} else {
		return nil
	}
	return &backoff.RetryAfterError{Duration: min(max(wait, 0), MaxWait)}
}
