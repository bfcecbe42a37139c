package laws

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// total is the law that every sequence of entries has a result: a projection never panics, and its
// state can always be saved.
func total[R comparable](newProjection maker[R], stream []domain.Entry) error {
	o := observe(newProjection())
	for _, entry := range stream {
		o.open()
		o.apply(entry)
	}
	o.open()
	_, err := o.fold.Save()
	return err
}

// spoilt generates entries that no reader returns: events after a torn line, lines at any position.
func spoilt(streams *rapid.Generator[[]domain.Entry]) *rapid.Generator[[]domain.Entry] {
	return rapid.Custom(func(t *rapid.T) []domain.Entry {
		stream := slices.Clone(streams.Draw(t, "stream"))
		for i := range stream {
			switch rapid.IntRange(0, 9).Draw(t, "spoil") {
			case 8:
				stream[i] = domain.Entry{Position: stream[i].Position, Fault: domain.Torn}
			case 9:
				stream[i].Position = domain.Position{Line: rapid.Int64().Draw(t, "line"), Offset: rapid.Int64().Draw(t, "offset")}
			}
		}
		return stream
	})
}
