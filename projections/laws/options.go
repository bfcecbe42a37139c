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
	model, jobOf any // of a type that has the rows' in it
}

// With adds streams of your own: every second stream that Check draws is one of
// them. [StreamsOf] makes them of events.
func With(streams *rapid.Generator[[]domain.Entry]) Option {
	return func(s *settings) { s.streams = rapid.OneOf(streams, s.streams) }
}

// Except leaves out laws, by the names of their subtests. Say in a comment why the
// projection does not obey them.
func Except(laws ...string) Option {
	return func(s *settings) { s.except = append(s.except, laws...) }
}

// Model adds the law that the rows, in order of their index, are those that model
// makes of the whole stream. A model is worth what it does not share with the
// projection: let it be slow, look at the whole stream as often as it likes, and
// read like the rule that it stands for.
func Model[R comparable](model func(stream []domain.Entry) []R) Option {
	return func(s *settings) { s.model = model }
}

// Independent adds the law for projections whose rows each belong to one job,
// which jobOf names: it does not matter how the events of different jobs fall
// between each other. Exchanging two neighbours of different jobs leaves each
// job the same rows in the same order, but for their index.
//
// Rows that say where in the stream something stood, or what the clock did
// from one line to the next, do not belong to one job.
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

// generator returns the streams on which a law is tried.
func (s *settings) generator(law string) *rapid.Generator[[]domain.Entry] {
	if law == nameTotal {
		return spoilt(s.streams)
	}
	return s.streams
}
