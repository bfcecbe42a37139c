package laws

import (
	"github.com/quire-ci/quire-project/domain"
)

// prefixes is the law that a stream that was cut after any entry gives the
// rows that the whole one had given by then: the final ones so far, and those
// that were open.
func prefixes[R comparable](newProjection maker[R], stream []domain.Entry) error {
	whole := observe(newProjection())
	for cut := range len(stream) + 1 {
		prefix := observe(newProjection()).apply(stream[:cut]...).outcome()
		if err := prefix.differs(whole.outcome()); err != nil {
			return after(cut, err)
		}
		whole.apply(stream[cut:min(cut+1, len(stream))]...)
	}
	return nil
}
