package laws

import (
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// Option is an option of [Check] and [Hold].
type Option func(*settings)

type settings struct {
	streams      *rapid.Generator[[]domain.Entry]
	except       []string
	model, jobOf any // functions that contain the type of the rows
}

// With adds your own streams: every second stream that Check draws is one of them. [StreamsOf]
// makes streams from events.
func With(streams *rapid.Generator[[]domain.Entry]) Option {
	return func(s *settings) { s.streams = rapid.OneOf(streams, s.streams) }
}

// Except omits laws, by the names of their subtests. State in a comment why the projection does not
// obey them.
func Except(laws ...string) Option {
	return func(s *settings) { s.except = append(s.except, laws...) }
}

// Model adds the law that the rows, in order of their index, are those that model returns for the
// whole stream. A model is useful if it shares nothing with the projection: it can be slow, read
// the whole stream as often as it needs, and should read like the rule that it implements.
func Model[R comparable](model func(stream []domain.Entry) []R) Option {
	return func(s *settings) { s.model = model }
}

// Independent adds the law for projections whose rows each belong to one job, which jobOf returns:
// the order between events of different jobs does not matter. Exchanging two neighbouring events of
// different jobs gives each job the same rows in the same order, except for their index.
//
// Rows that depend on a position in the stream, or on the clock between two lines, do not belong to
// one job.
func Independent[R comparable](jobOf func(row R) string) Option {
	return func(s *settings) { s.jobOf = jobOf }
}

func optionsOf(options []Option) *settings {
	often := StreamsOf(Events())
	s := &settings{streams: rapid.OneOf(often, often, often, often, often, StreamsOf(Long()))}
	for _, option := range options {
		option(s)
	}
	return s
}

// generator returns the streams on which a law is checked.
func (s *settings) generator(law string) *rapid.Generator[[]domain.Entry] {
	if law == nameTotal {
		return spoilt(s.streams)
	}
	return s.streams
}
