package projections

import "github.com/quire-ci/quire-project/domain"

// Stream gives the entries of one run, in order.
type Stream interface {
	// Next returns the next entries, at least one, or an error: io.EOF at the end. The slice
	// is valid until the next call; its strings stay valid.
	Next() ([]domain.Entry, error)
}

// BeforeEach returns stream with do called before each Next: the entries of the
// Next before have been folded by then. An error of do ends the stream.
func BeforeEach(stream Stream, do func() error) Stream { return beforeEach{stream, do} }

type beforeEach struct {
	Stream
	do func() error
}

func (b beforeEach) Next() ([]domain.Entry, error) {
	if err := b.do(); err != nil {
		return nil, err
	}
	return b.Stream.Next()
}
