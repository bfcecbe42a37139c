package publish

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/internal/posting"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
)

// HTTPSyntax is how the address of a server is written.
const HTTPSyntax = "http://HOST[:PORT][/PREFIX] or https://..."

// HTTPSchemes are how addresses begin.
var HTTPSchemes = []string{"http://", "https://"}

// IsHTTP reports whether a text is meant to be the address of a server.
func IsHTTP(text string) bool {
	text = strings.ToLower(text)
	return strings.HasPrefix(text, HTTPSchemes[0]) || strings.HasPrefix(text, HTTPSchemes[1])
}

// HTTPOptions say how a server is reached.
type HTTPOptions struct {
	// ServerToken is the server's token. Each run is sent with its own token, which is derived from
	// ServerToken, so that ServerToken itself is not sent. Otherwise, Token is sent: the token of
	// the one published run, or of the server.
	ServerToken, Token string
	// CAFile has the trusted certificates; the default is the system's. CertFile and KeyFile have
	// the client certificate and its key.
	CAFile, CertFile, KeyFile string
}

// ReadToken reads the token of a server from a file or, if that is "", the token to send from the
// environment.
func (o *HTTPOptions) ReadToken(file string) (err error) {
	if file == "" {
		o.Token = strings.TrimSpace(os.Getenv("QUIRE_TOKEN"))
		return nil
	}
	if o.ServerToken, err = web.ReadToken(file); err != nil {
		return httpError{fmt.Errorf("--token-file: %w", printable.Error(err))}
	}
	return nil
}

// ErrHTTP is wrong input, and not a fault of the server.
var ErrHTTP = errors.New("these are not the options of a server")

type httpError struct{ error }

func (httpError) Is(target error) bool { return target == ErrHTTP }

// HTTP sends segments to quire-project serve. For a [broker.Publisher], it is a broker with one partition.
type HTTP struct {
	broker.Topics
	base    string
	options HTTPOptions
	client  *posting.Client

	mu   sync.Mutex
	runs map[domain.RunID]*sending
	// most is how many bytes are sent at once, unless a line is longer. It shrinks when they do not
	// arrive in time, and grows again up to limit. taken is how many the server has accepted at once.
	most, limit, taken int
	accepted           broker.Stats
}

// NewHTTP returns what sends to the server at an address. It does not connect.
func NewHTTP(address string, options HTTPOptions) (*HTTP, error) {
	base, err := url.Parse(address)
	switch {
	case !IsHTTP(address) || err != nil || base.Host == "" || base.RawQuery != "" || base.Fragment != "":
		return nil, httpError{fmt.Errorf("this is not the address of a server; one is %s", HTTPSyntax)}
	case base.User != nil: // others see the command line
		return nil, httpError{errors.New("the address of a server has no user, password or token; put the token into $QUIRE_TOKEN")}
	case !isToken(options.ServerToken) || !isToken(options.Token):
		return nil, httpError{errors.New("a token has a character that cannot be sent")}
	}
	certificates, err := posting.TLS(posting.File{Setting: "--tls-ca", Path: options.CAFile}, posting.File{Setting: "--tls-cert", Path: options.CertFile}, posting.File{Setting: "--tls-key", Path: options.KeyFile})
	if err != nil {
		return nil, httpError{err}
	}
	return &HTTP{
		Topics: broker.FixedTopics("http", 1), base: strings.TrimRight(base.String(), "/"), options: options,
		client: posting.New(certificates), runs: map[domain.RunID]*sending{},
		most: broker.DefaultSegmentBytes, limit: broker.DefaultSegmentBytes,
	}, nil
}

// isToken reports whether a text can be in a header.
func isToken(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}

// String returns the address, which contains no secret.
func (h *HTTP) String() string { return h.base }

// Publisher returns h.
func (h *HTTP) Publisher() message.Publisher { return h }

// MaxMessage returns how many bytes of a line are sent: as many as any reader takes. How many a server accepts is up to
// its --max-line; it refuses a longer line before it is sent.
func (h *HTTP) MaxMessage() int { return 1 << 30 }

// Close closes idle connections.
func (h *HTTP) Close() error {
	h.client.CloseIdleConnections()
	return nil
}

// Publish sends segments in order. It sends nothing again, except in smaller pieces, and nothing that the
// server had before.
func (h *HTTP) Publish(_ string, messages ...*message.Message) error {
	for _, m := range messages {
		segment, err := broker.Segment(m)
		if err == nil {
			err = h.send(m.Context(), &segment)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *HTTP) send(ctx context.Context, s *domain.Segment) error {
	run := h.sending(s)
	if s.Offset == 0 {
		if err := h.ask(ctx, run, s.Run); err != nil {
			return err
		}
	}
	at, ok := run.begin(s)
	if !ok {
		return &RefusedError{Run: s.Run, Status: http.StatusConflict, Reason: "the server has another stream with this run's id"}
	}
	if at < s.End() || len(s.Data) == 0 {
		if err := h.sendFrom(ctx, run, s, at); err != nil {
			return err
		}
		run.have = 0
	}
	if run.digest != nil && !s.Tail {
		run.write(s.Data)
		run.end = s.End()
	}
	return nil
}

// stats counts what the server has accepted.
func (h *HTTP) stats() broker.Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.accepted
}

// sendFrom sends the lines of a segment that begin at an offset, in pieces that the server accepts. Each
// piece has the digest up to its end, so that the server never mixes two streams.
func (h *HTTP) sendFrom(ctx context.Context, run *sending, s *domain.Segment, at int64) error {
	sums := &sending{end: s.Offset}
	if run.digest != nil {
		copied, err := run.digest.Clone()
		if err != nil {
			return err
		}
		sums.digest = copied
	}
	for {
		piece := domain.Segment{Run: s.Run, Offset: at, Data: s.Data[at-s.Offset:]}
		piece.Data = piece.Data[:h.fitting(piece.Data)]
		if piece.End() == s.End() {
			piece.SHA256, piece.Tail = s.SHA256, s.Tail
		} else if sums.digest != nil {
			sums.write(s.Data[sums.end-s.Offset : piece.End()-s.Offset])
			sums.digest.Sum(piece.SHA256[:0])
			sums.end = piece.End()
		}
		err := h.post(ctx, run, s, &piece)
		if errors.As(err, new(*tooLargeError)) && h.shrink(piece.Data) {
			h.limitToMost()
			return h.sendFrom(ctx, run, s, at)
		}
		if at = piece.End(); err != nil || at == s.End() {
			return err
		}
	}
}

// fitting returns how many bytes of data are sent at once: whole lines, and one at least.
func (h *HTTP) fitting(data []byte) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return cmp.Or(domain.WholeLines(data, h.most), len(data))
}

// shrink reports whether less than data can be sent at once, and makes it so.
func (h *HTTP) shrink(data []byte) bool {
	if one := domain.WholeLines(data, 0); one == 0 || one == len(data) {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.most = min(h.most, len(data)/2)
	return true
}

// limitToMost makes that last.
func (h *HTTP) limitToMost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limit = h.most
}

// waitForAnswer is how long one attempt takes at most: a server lets a body arrive for half a minute, and
// a transaction takes some seconds.
const waitForAnswer = 2 * time.Minute

// post makes one attempt to send a piece of a segment.
func (h *HTTP) post(ctx context.Context, run *sending, s, piece *domain.Segment) error {
	once, cancel := context.WithTimeout(ctx, waitForAnswer)
	defer cancel()
	answer, err := h.client.Post(once, h.address(piece), h.header(piece), piece.Data)
	switch {
	case err != nil:
		return h.unanswered(ctx, err)
	case answer.Status == http.StatusNoContent:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.taken, h.most = max(h.taken, len(piece.Data)), min(2*h.most, h.limit)
		h.accepted.Segments++
		h.accepted.Bytes += int64(len(piece.Data))
		return nil
	}
	return h.judge(answer, run, s, piece)
}

// address returns where a piece is sent to.
func (h *HTTP) address(piece *domain.Segment) string {
	query := url.Values{"offset": {strconv.FormatInt(piece.Offset, 10)}}
	if piece.Tail {
		query.Set("tail", "1")
	}
	if piece.SHA256 != [sha256.Size]byte{} {
		query.Set("sha256", hex.EncodeToString(piece.SHA256[:]))
	}
	return h.segments(piece.Run) + "?" + query.Encode()
}

// segments returns the address of a run's segments.
func (h *HTTP) segments(run domain.RunID) string {
	return h.base + "/api" + web.RunPath(run) + "/segments"
}

func (h *HTTP) authorization(run domain.RunID) http.Header {
	token := h.options.Token
	if h.options.ServerToken != "" {
		token = web.RunToken(h.options.ServerToken, run)
	}
	if token == "" {
		return http.Header{}
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

func (h *HTTP) header(piece *domain.Segment) http.Header {
	header := h.authorization(piece.Run)
	header.Set("Content-Type", "application/jsonl")
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(piece.Data) > max(h.taken, askFrom) { // a server that refuses it does so before it is sent
		header.Set("Expect", "100-continue")
	}
	return header
}

// askFrom is the size up to which the system takes data from a client before it notices that the server
// has closed the connection.
const askFrom = 16 << 10
