package domain

import (
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Label is one of a run's [Labels].
type Label struct{ Key, Value string }

// Labels describe a run, such as its repo, ref and sha: a value for each key, in the order of
// the keys' bytes. The zero Labels are empty.
//
// Labels can be compared with ==: equal labels have the same text, with each key and each
// value after its length ("3:ref4:main"). So an [Event] with labels is still a flat value,
// and other events need no memory for them.
type Labels struct{ text string }

// Limits of labels: their number, and the length of a key and of a value in bytes.
const (
	MaxLabels     = 64
	MaxLabelKey   = 64
	MaxLabelValue = 4096
)

// The errors of [NewLabels] and [Label.Check].
var (
	ErrLabelCount = errors.New("a run has at most 64 labels")
	ErrLabelTwice = errors.New("a label's key is given twice")
	ErrLabelKey   = errors.New("a label's key has 1 to 64 bytes")
	ErrLabelValue = errors.New("a label's value has at most 4096 bytes")
	ErrLabelText  = errors.New("a label is valid UTF-8")
)

// NewLabels sorts labels by key and returns them, or one of the errors above.
func NewLabels(labels ...Label) (Labels, error) {
	if len(labels) > MaxLabels {
		return Labels{}, ErrLabelCount
	}
	slices.SortFunc(labels, func(a, b Label) int { return strings.Compare(a.Key, b.Key) })
	size := 0
	for i, label := range labels {
		if err := label.Check(); err != nil {
			return Labels{}, err
		}
		if i > 0 && label.Key == labels[i-1].Key {
			return Labels{}, ErrLabelTwice
		}
		size += len("64:4096:") + len(label.Key) + len(label.Value)
	}
	text := make([]byte, 0, size)
	for _, label := range labels {
		text = appendPart(appendPart(text, label.Key), label.Value)
	}
	return Labels{string(text)}, nil
}

// Check returns one of the errors above if no run can have the label.
func (l Label) Check() error {
	switch {
	case l.Key == "" || len(l.Key) > MaxLabelKey:
		return ErrLabelKey
	case len(l.Value) > MaxLabelValue:
		return ErrLabelValue
	case !utf8.ValidString(l.Key) || !utf8.ValidString(l.Value):
		return ErrLabelText
	}
	return nil
}

// All yields the labels in the order of their keys.
func (l Labels) All() iter.Seq[Label] {
	return func(yield func(Label) bool) {
		for rest := l.text; rest != ""; {
			var label Label
			label.Key, rest = cutPart(rest)
			label.Value, rest = cutPart(rest)
			if !yield(label) {
				return
			}
		}
	}
}

func appendPart(text []byte, part string) []byte {
	text = strconv.AppendInt(text, int64(len(part)), 10)
	return append(append(text, ':'), part...)
}

// cutPart returns the key or value at the start of text, and the rest. If text is not one of
// labels, both are empty.
func cutPart(text string) (part, rest string) {
	length, rest, _ := strings.Cut(text, ":")
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > len(rest) {
		return "", ""
	}
	return rest[:n], rest[n:]
}
