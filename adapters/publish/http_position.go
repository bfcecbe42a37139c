package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"net/http"

	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
)

// sending is how far a run was sent.
type sending struct {
	end    int64
	digest hash.Cloner // of the stream up to end
	have   int64       // the server has said that it has the stream up to there
	// sum is the digest of that, if the server has said it and it has not been compared yet.
	sum  *[sha256.Size]byte
	gaps int // how often it had less than before
}

// sending returns how far the run of a segment was sent.
func (h *HTTP) sending(s *domain.Segment) *sending {
	h.mu.Lock()
	defer h.mu.Unlock()
	run := h.runs[s.Run]
	if run == nil {
		run = &sending{}
		h.runs[s.Run] = run
	}
	switch {
	case s.Offset == 0:
		run.end, run.digest = 0, sha256.New().(hash.Cloner)
	case s.Offset != run.end:
		run.digest = nil
	}
	return run
}

// ask asks the server how much it has of a stream that is about to be sent from its start. If the
// server cannot tell, because it is an older version, the whole stream is sent.
func (h *HTTP) ask(ctx context.Context, run *sending, id domain.RunID) error {
	once, cancel := context.WithTimeout(ctx, waitForAnswer)
	defer cancel()
	run.have, run.sum = 0, nil
	answer, err := h.client.Head(once, h.segments(id), h.authorization(id))
	switch {
	case err != nil:
		return h.unanswered(ctx, err)
	case isBusy(answer.Status):
		return answer.Busy(fmt.Errorf("the server at %s answers %s", h.base, status(answer.Status, "")))
	case answer.Status == http.StatusNoContent:
		if have, sum, ok := web.ReadPosition(answer.Header); ok && have > 0 {
			run.have, run.sum = have, &sum
		}
	}
	return nil
}

// begin returns where to begin sending a segment: after the part that the server has. It reports
// whether the server's stream is the same, as far as can be checked.
func (r *sending) begin(s *domain.Segment) (at int64, ok bool) {
	at = min(max(r.have, s.Offset), s.End())
	ahead := s.Data[:at-s.Offset]
	isLine := len(ahead) == len(s.Data) || len(ahead) == 0 || ahead[len(ahead)-1] == '\n'
	if r.sum == nil || r.have > s.End() || r.digest == nil {
		return at, isLine
	}
	digest, err := r.digest.Clone()
	if err != nil {
		return at, false
	}
	_, _ = digest.Write(ahead) // a hash never fails
	ok = *r.sum == [sha256.Size]byte(digest.Sum(nil))
	if r.sum = nil; !isLine { // the server has the line as the last one, without its end
		at = s.Offset + int64(bytes.LastIndexByte(ahead, '\n')+1)
		r.have = at
	}
	return at, ok
}

// ahead returns an error if the server has more of a stream than was sent, since the rest cannot be
// compared.
func (h *HTTP) ahead(id domain.RunID) error {
	if h == nil {
		return nil // a broker
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	run := h.runs[id]
	if run == nil || run.sum == nil {
		return nil
	}
	reason := fmt.Sprintf("the server has %d bytes of a stream with this run's id, and this one has fewer", run.have)
	return &RefusedError{Run: id, Status: http.StatusConflict, Reason: reason}
}

func (r *sending) write(data []byte) { _, _ = r.digest.Write(data) } // a hash never fails
