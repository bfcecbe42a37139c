package laws

import (
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// Counterexample is the error of a projection that breaks a law. Its text contains the stream as Go
// source, to paste into a test.
type Counterexample struct {
	Law    string
	Stream []domain.Entry // as small as it could be made
	Err    error          // how the law is broken
}

func (c *Counterexample) Error() string {
	return fmt.Sprintf("the law %q is broken: %v\n\nThe smallest stream that was found for it:\n\n%s", c.Law, c.Err, source(c.Stream))
}

func (c *Counterexample) Unwrap() error { return c.Err }

// smallest reduces a stream that breaks the law with err to a counterexample.
func smallest[R comparable](newProjection maker[R], law named[R], stream []domain.Entry, err error) error {
	s := &shrinker{
		fails:  func(stream []domain.Entry) error { return law.hold(newProjection, stream) },
		stream: slices.Clone(stream), err: err, tries: 3000,
	}
	s.shrink()
	return &Counterexample{law.name, s.stream, s.err}
}

// shrinker removes from a stream everything that is not needed to make it fail.
type shrinker struct {
	fails    func([]domain.Entry) error
	stream   []domain.Entry
	err      error
	tries    int  // remaining tries, so that it ends
	renumber bool // lines are numbered as [Entries] does
}

func (s *shrinker) shrink() {
	numbered := renumbered(s.stream)
	s.renumber = slices.Equal(numbered, s.stream) || s.try(numbered)
	for before := []domain.Entry(nil); s.tries > 0 && (before == nil || !slices.Equal(before, s.stream)); {
		before = s.stream
		s.cut()
		s.cutPairs()
		s.simplify()
	}
}

// try replaces the stream by the candidate if that fails, too.
func (s *shrinker) try(candidate []domain.Entry) bool {
	if s.renumber {
		candidate = renumbered(candidate)
	}
	if s.tries == 0 || slices.Equal(candidate, s.stream) {
		return false
	}
	s.tries--
	err := s.fails(slices.Clone(candidate))
	if err != nil {
		s.stream, s.err = candidate, err
	}
	return err != nil
}

// cut removes entries, long stretches first.
func (s *shrinker) cut() {
	for size := len(s.stream); size > 0; size /= 2 {
		for at := len(s.stream) - size; at >= 0; at -= size {
			s.try(slices.Delete(slices.Clone(s.stream), at, at+size))
		}
	}
}

// cutPairs removes two entries at once, such as a start and its end.
func (s *shrinker) cutPairs() {
	const few = 20
	for j := len(s.stream) - 1; j > 0 && len(s.stream) <= few; j-- {
		for i := j - 1; i >= 0 && j < len(s.stream); i-- {
			s.try(slices.Delete(slices.Delete(slices.Clone(s.stream), j, j+1), i, i+1))
		}
	}
}

// simplify gives the fields of entries simpler values.
func (s *shrinker) simplify() {
	for i := range s.stream {
		ladder(s, i, func(e *domain.Entry) *int64 { return &e.AtMs }, 0, 1, int64(i), -1)
		ladder(s, i, func(e *domain.Entry) *string { return &e.Cmd }, "", "x", "y")
		ladder(s, i, func(e *domain.Entry) *string { return &e.Extra }, "")
		ladder(s, i, func(e *domain.Entry) *int32 { return &e.ExitCode }, 0, 1)
		ladder(s, i, func(e *domain.Entry) *domain.Outcome { return &e.Outcome }, domain.Complete)
		for _, plain := range []string{"a", "b", "c"} {
			if id := s.stream[i].JobID; !s.stream[i].HasJob || id == plain || s.try(renamed(s.stream, id, plain)) {
				break
			}
		}
	}
}

// ladder gives a field of an entry the simplest value with which the stream still fails.
func ladder[V comparable](s *shrinker, i int, field func(*domain.Entry) *V, plain ...V) {
	var none V
	for _, value := range plain {
		if now := *field(&s.stream[i]); now == none || now == value {
			return
		}
		candidate := slices.Clone(s.stream)
		*field(&candidate[i]) = value
		if s.try(candidate) {
			return
		}
	}
}

func renamed(stream []domain.Entry, from, to string) []domain.Entry {
	stream = slices.Clone(stream)
	for i := range stream {
		if stream[i].HasJob && stream[i].JobID == from {
			stream[i].JobID = to
		}
	}
	return stream
}

func renumbered(stream []domain.Entry) []domain.Entry {
	stream = slices.Clone(stream)
	for i := range stream {
		stream[i].Position = positionOf(i)
	}
	return stream
}
