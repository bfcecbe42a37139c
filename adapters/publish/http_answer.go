package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/posting"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// isBusy reports whether a request can have another answer later.
func isBusy(code int) bool {
	return code == http.StatusTooManyRequests || code >= 500 && code != http.StatusNotImplemented
}

// unanswered returns the error of a request that got no answer.
func (h *HTTP) unanswered(ctx context.Context, err error) error {
	reached := fmt.Errorf("the server at %s cannot be reached: %s", h.base, printable.Line(err.Error()))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case posting.IsUntrusted(err):
		return &untrustedError{reached}
	}
	return posting.Busy(reached)
}

// untrustedError reports that the certificate of a server is not trusted.
type untrustedError struct{ error }

func (e *untrustedError) Error() string {
	return e.error.Error() + "; name the file of its CA with --tls-ca, or in $SSL_CERT_FILE"
}

// maxGaps is how often a server may have less of a run than before.
const maxGaps = 10

var errLoses = errors.New("the server repeatedly lacks lines that it has acknowledged; do several servers, each with a store of its own, answer at this address?")

// maxReason limits the shown part of a server's message, in bytes.
const maxReason = 300

// judge returns the error of an answer.
func (h *HTTP) judge(answer *posting.Answer, run *sending, s, piece *domain.Segment) error {
	var said struct {
		Expected             *int64
		Error                string
		Line, Column, Offset int64
	}
	if json.Unmarshal(answer.Body, &said) != nil { // a proxy's page
		said.Error = ""
	}
	reason := printable.Name(said.Error[:min(len(said.Error), maxReason)])
	refused := &RefusedError{Run: s.Run, Status: answer.Status, Reason: reason}
	busy := answer.Busy(fmt.Errorf("the server at %s answers %s", h.base, status(answer.Status, reason)))
	switch code := answer.Status; {
	case code == http.StatusConflict && said.Expected != nil:
		run.gaps++
		run.have = *said.Expected
		switch {
		case run.gaps > maxGaps:
			refused.Reason, refused.Err = errLoses.Error(), errLoses
		case run.have < s.Offset:
			return &GapError{s.Run, run.have}
		default:
			return posting.Busy(fmt.Errorf("the server at %s has the stream up to byte %d only", h.base, run.have))
		}
	case code == http.StatusRequestTimeout:
		h.shrink(piece.Data)
		return busy
	case isBusy(code):
		return busy
	case code == http.StatusRequestEntityTooLarge:
		refused.Reason = fmt.Sprintf("the line at byte %d has %d bytes, which is more than the server accepts, or a proxy in front of it; raise the limit of the proxy, or --max-line of the server, or ingest the run on the server's machine", piece.Offset, len(piece.Data))
		return &tooLargeError{refused}
	case code == http.StatusUnprocessableEntity && said.Line > 0:
		refused.Err = &jsonl.MalformedError{Name: string(s.Run), Position: domain.Position{Line: said.Line, Offset: said.Offset}, Column: said.Column, Reason: reason}
	}
	return refused
}

// status formats a status with the server's message.
func status(code int, reason string) string {
	return strings.TrimSuffix(fmt.Sprintf("%d %s: %s", code, http.StatusText(code), reason), ": ")
}

// GapError reports that a server does not have what precedes a segment: it lost its store, or got an
// older one back.
type GapError struct {
	Run domain.RunID
	// Expected is the offset from which the server needs the stream.
	Expected int64
}

func (e *GapError) Error() string {
	return fmt.Sprintf("run %s: the server has the stream up to byte %d only; publish the stream from its start", printable.Name(string(e.Run)), e.Expected)
}

// RefusedError reports that a server does not accept a segment, and will not later.
type RefusedError struct {
	Run    domain.RunID
	Status int
	// Reason is the server's message, safe to print.
	Reason string
	// Err is a [*jsonl.MalformedError] for a malformed line.
	Err error
}

func (e *RefusedError) Unwrap() error { return e.Err }

func (e *RefusedError) Error() string {
	run := "run " + printable.Name(string(e.Run))
	var malformed *jsonl.MalformedError
	switch {
	case errors.As(e.Err, &malformed):
		return fmt.Sprintf("%s, line %d, column %d: the server does not accept a malformed line: %s; correct the stream, or let the server skip such lines, with serve --on-malformed skip", run, malformed.Line, malformed.Column, e.Reason)
	case e.Status == http.StatusRequestEntityTooLarge:
		return run + ": " + e.Reason
	}
	return fmt.Sprintf("%s: the server answers %s%s", run, status(e.Status, e.Reason), e.advice())
}

// advice says what to do.
func (e *RefusedError) advice() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "; give its token with --token-file, or the run's in $QUIRE_TOKEN"
	case e.Status == http.StatusForbidden:
		return "; --token-file takes the token that serve has, $QUIRE_TOKEN what quire-project token prints for this run"
	case e.Status == http.StatusConflict && e.Err == nil:
		return "; publish another stream as another run, with --run-id"
	case e.Status >= 300 && e.Status < 400:
		return ", that it has another address; nothing was sent there; name that one"
	case e.isOfRun():
		return ""
	}
	return "; is this the address of quire-project serve, with the prefix that a proxy gives it?"
}

// isOfRun reports whether the server may accept other runs.
func (e *RefusedError) isOfRun() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// tooLargeError reports that a server may accept a smaller segment.
type tooLargeError struct{ refused *RefusedError }

func (e *tooLargeError) Error() string { return e.refused.Error() }

func (e *tooLargeError) Unwrap() error { return e.refused }

// IsHopeless reports whether it is pointless to send a segment to a server again after err.
func IsHopeless(err error) bool {
	return errors.As(err, new(*GapError)) || errors.As(err, new(*RefusedError)) || errors.As(err, new(*untrustedError))
}
