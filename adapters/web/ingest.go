package web

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// MaxSegment limits the body of a request to write, in bytes: the longest line with its CR and LF.
// It is larger on a server that reads longer lines.
const MaxSegment = jsonl.DefaultMaxLine + 2

// MaxWriters limits the requests that write to one run at once, so that a client with the token of
// one run cannot use up what other runs need.
const MaxWriters = 4

// Limits on bodies that are being received. A slow client holds memory only for what it has sent,
// and for at most maxSending. The first piece is so small that every connection can have one.
const (
	maxReceived = 2 * MaxWriters // in units of the limit of one request
	firstPiece  = 4 << 10
	maxSending  = 30 * time.Second
	maxApplying = 20 * time.Second
)

// receiver writes segments that arrive over HTTP.
type receiver struct {
	*store.Projector
	limit  int64 // of the body of a request
	memory *semaphore.Weighted

	mu      sync.Mutex
	writers map[domain.RunID]int // requests that are writing, for each run
}

func newReceiver(s *Server, lines jsonl.Options) *receiver {
	options := store.ProjectorOptions{Timeout: maxApplying, Done: func(b store.Batch) { s.Written(b.Written) }, Outdated: s.isOther}
	limit := int64(max(MaxSegment, lines.MaxLine+2))
	return &receiver{Projector: store.NewProjector(s.store, jsonl.NewSegments(lines), options), limit: limit, memory: semaphore.NewWeighted(maxReceived * limit), writers: map[domain.RunID]int{}}
}

// enter reports whether one more request may write to a run. If so, the request has to call leave
// at the end.
func (c *receiver) enter(run domain.RunID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writers[run] >= MaxWriters {
		return false
	}
	c.writers[run]++
	return true
}

func (c *receiver) leave(run domain.RunID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writers[run]--; c.writers[run] == 0 {
		delete(c.writers, run)
	}
}

// problem is the answer to a segment that was not written, as JSON.
type problem struct {
	status int
	// Expected is the offset at which the next segment must begin, if this one begins behind it.
	Expected *int64 `json:"expected,omitempty"`
	Error    string `json:"error,omitempty"`
	// Line and Column are the position of a malformed line in the stream, and Offset is where the
	// line begins.
	Line   int64 `json:"line,omitempty"`
	Column int64 `json:"column,omitempty"`
	Offset int64 `json:"offset,omitempty"`
}

// segments handles a request to write lines of a run's stream.
func (s *Server) segments(w http.ResponseWriter, r *http.Request) error {
	p := s.receive(w, r)
	if p == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	p.write(w)
	return nil
}

// write sends the problem as the response.
func (p *problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	if p.status == http.StatusServiceUnavailable || p.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(p) // an error means that the client has gone
}

var noReceiver = &problem{status: http.StatusForbidden, Error: "this server does not take streams, because it has no store that stays; start it with --to"}

func (s *Server) receive(w http.ResponseWriter, r *http.Request) *problem {
	if s.receiver == nil {
		return noReceiver
	}
	segment, err := parseSegment(r)
	if err != nil {
		return &problem{status: http.StatusBadRequest, Error: err.Error()}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return &problem{status: http.StatusUnsupportedMediaType, Error: "the body is compressed; send lines as they are in the stream"}
	}
	if !s.receiver.enter(segment.Run) {
		return &problem{status: http.StatusTooManyRequests, Error: "too many requests write to this run at once; send the lines again"}
	}
	defer s.receiver.leave(segment.Run)
	data, held, p := s.receiver.read(w, r)
	defer func() { s.receiver.memory.Release(held) }()
	if p != nil {
		return p
	}
	segment.Data = data
	return s.answer(segment, s.receiver.Append(r.Context(), segment))
}

// parseSegment reads the run and the offset of a segment from the address.
func parseSegment(r *http.Request) (segment domain.Segment, err error) {
	segment.Run = domain.RunID(idIn(r.PathValue("run")))
	if err := store.CheckRunID(segment.Run); err != nil {
		return segment, err
	}
	query := r.URL.Query()
	if segment.Offset, err = strconv.ParseInt(query.Get("offset"), 10, 64); err != nil || segment.Offset < 0 {
		return segment, errors.New("offset is not a number of bytes")
	}
	segment.Tail = query.Get("tail") == "1"
	if digest := query.Get("sha256"); digest != "" {
		sum, err := hex.DecodeString(digest)
		if err != nil || len(sum) != sha256.Size {
			return segment, errors.New("sha256 is not a digest in hex")
		}
		segment.SHA256 = [sha256.Size]byte(sum)
	}
	return segment, nil
}

// read reads a body. It returns how much memory is reserved for it.
func (c *receiver) read(w http.ResponseWriter, r *http.Request) (data []byte, held int64, p *problem) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(maxSending))
	_ = control.SetWriteDeadline(time.Now().Add(maxSending + 2*maxApplying))
	if r.ContentLength > c.limit {
		return nil, held, c.tooLarge()
	}
	body := http.MaxBytesReader(w, r.Body, c.limit)
	for {
		if len(data) == cap(data) {
			grow := max(firstPiece, min(held, c.limit-held))
			if !c.memory.TryAcquire(grow) {
				return nil, held, &problem{status: http.StatusServiceUnavailable, Error: "too much is sent to this server at once; send it again"}
			}
			held += grow
			data = append(make([]byte, 0, held), data...)
		}
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return data, held, nil
		case errors.As(err, new(*http.MaxBytesError)):
			return nil, held, c.tooLarge()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, held, &problem{status: http.StatusRequestTimeout, Error: "the body comes too slowly; send fewer lines at once"}
		default:
			return nil, held, &problem{status: http.StatusBadRequest, Error: "the body ends too early"}
		}
	}
}

func (c *receiver) tooLarge() *problem {
	words := fmt.Sprintf("a request can have %d bytes of lines; send more requests, and raise --max-line of the server if one line is longer", c.limit)
	return &problem{status: http.StatusRequestEntityTooLarge, Error: words}
}

// isOther calls Options.Outdated if the store is newer than this program. If the store is older,
// the server waits until it is rebuilt.
func (s *Server) isOther(err error) {
	if s.outdated != nil && (errors.As(err, new(*projections.NewerError)) || errors.Is(err, store.ErrNewerSchema)) {
		s.outdated(err)
	}
}

// answer turns the error of a segment into the answer; nil if there is none. The answer quotes
// nothing of the stream.
func (s *Server) answer(segment domain.Segment, err error) *problem {
	var refused *store.NotAppendedError
	var malformed *jsonl.MalformedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrSegment):
		return &problem{status: http.StatusBadRequest, Error: "the body is not whole lines, each with a line feed"}
	case errors.Is(err, store.ErrOtherVersion):
		s.isOther(err)
		return &problem{status: http.StatusServiceUnavailable, Error: printable.StoreReason(err)}
	case !errors.As(err, &refused):
		s.log.Error("a segment was not written", "run", printable.Name(string(segment.Run)), "error", printable.Name(err.Error()))
		return &problem{status: http.StatusServiceUnavailable, Error: "the store does not answer; send the lines again"}
	case refused.Quarantine == nil:
		return &problem{status: http.StatusConflict, Expected: &refused.Expected}
	case errors.As(err, &malformed):
		return &problem{status: http.StatusUnprocessableEntity, Error: malformed.Reason, Line: malformed.Line, Column: malformed.Column, Offset: malformed.Offset}
	case refused.Err != nil:
		return &problem{status: http.StatusUnprocessableEntity, Error: refused.Quarantine.Reason}
	}
	return &problem{status: http.StatusConflict, Error: refused.Quarantine.Reason}
}

// position returns how far the server has the stream of a run. The token of the run is enough to
// ask for it.
func (s *Server) position(w http.ResponseWriter, r *http.Request) error {
	if s.receiver == nil {
		noReceiver.write(w)
		return nil
	}
	run := domain.RunID(idIn(r.PathValue("run")))
	checkpoints, err := s.store.Checkpoints(r.Context(), []domain.RunID{run})
	if err != nil {
		return err
	}
	end := domain.StartMark
	if at, ok := checkpoints[run]; ok {
		end = at.End
	}
	writePosition(w.Header(), end)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Headers for the length of a stream, from draft-ietf-httpbis-resumable-upload, and for its digest,
// from RFC 9530.
const (
	offsetHeader = "Upload-Offset"
	digestHeader = "Repr-Digest"
	digestPrefix = "sha-256=:"
)

func writePosition(h http.Header, end domain.Mark) {
	h.Set(offsetHeader, strconv.FormatInt(end.Bytes, 10))
	h.Set(digestHeader, digestPrefix+base64.StdEncoding.EncodeToString(end.SHA256[:])+":")
}

// ReadPosition reads from the headers of an answer how many bytes of a stream a server has, and
// their SHA-256.
func ReadPosition(h http.Header) (offset int64, sum [sha256.Size]byte, ok bool) {
	offset, err := strconv.ParseInt(h.Get(offsetHeader), 10, 64)
	text, isSHA256 := strings.CutPrefix(h.Get(digestHeader), digestPrefix)
	data, wrong := base64.StdEncoding.DecodeString(strings.TrimSuffix(text, ":"))
	if err != nil || wrong != nil || offset < 0 || !isSHA256 || len(data) != len(sum) {
		return 0, sum, false
	}
	return offset, [sha256.Size]byte(data), true
}

// writtenRun returns the run of a request to write, or to ask for a position; ok is false for other
// requests.
func writtenRun(r *http.Request) (run domain.RunID, ok bool) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/runs/")
	rest, whole := strings.CutSuffix(rest, "/segments")
	if r.Method != http.MethodPost && r.Method != http.MethodHead || !ok || !whole || strings.Contains(rest, "/") {
		return "", false
	}
	id, err := url.PathUnescape(rest)
	return domain.RunID(idIn(id)), err == nil
}

// guardRun handles a request to write to a run from a client without the server's token: it accepts
// the token of that run.
func (a Access) guardRun(w http.ResponseWriter, r *http.Request, run domain.RunID, next http.Handler) {
	token, ok := bytes.CutPrefix([]byte(r.Header.Get("Authorization")), []byte("Bearer "))
	switch {
	case ok && a.Token != "" && hmac.Equal(token, []byte(RunToken(a.Token, run))):
		next.ServeHTTP(w, r)
	case ok:
		leave(w)
		(&problem{status: http.StatusForbidden, Error: "this token does not allow writing to this run"}).write(w)
	default:
		leave(w)
		w.Header().Set("WWW-Authenticate", "Bearer")
		(&problem{status: http.StatusUnauthorized, Error: "send the token of the run or of the server, as Authorization: Bearer TOKEN"}).write(w)
	}
}
