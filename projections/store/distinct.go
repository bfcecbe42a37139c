package store

import (
	"fmt"
	"iter"

	"github.com/quire-ci/quire-project/domain"
)

// Distinct yields streams. The second stream of a run comes with a *[DuplicateError]. names
// returns the id of a stream's run, and where the stream is.
func Distinct[S any](streams iter.Seq2[S, error], names func(S) (domain.RunID, string)) iter.Seq2[S, error] {
	return func(yield func(S, error) bool) {
		first := map[domain.RunID]string{}
		for stream, err := range streams {
			if err == nil {
				run, name := names(stream)
				if taken, ok := first[run]; ok {
					err = &DuplicateError{run, name, taken}
				} else {
					first[run] = name
				}
			}
			if !yield(stream, err) {
				return
			}
		}
	}
}

// DuplicateError says that two streams have the same run id.
type DuplicateError struct {
	Run domain.RunID
	// Name is the stream that was not used, Taken the one that was.
	Name, Taken string
}

func (e *DuplicateError) Error() string {
	if e.Name == e.Taken {
		return fmt.Sprintf("%s: this stream is named twice; it was used once", e.Name)
	}
	return fmt.Sprintf("%s: has the same run id as %s, which was used; rename one of them", e.Name, e.Taken)
}
