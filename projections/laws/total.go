package laws

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// total is the law that every sequence of entries has a result: a projection
// does not panic, and its state can be saved, whatever came.
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

// spoilt makes entries as no reader gives them: events after a torn line, lines
// that stand anywhere.
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
