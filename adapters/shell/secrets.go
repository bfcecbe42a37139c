package shell

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// secrets are the texts that are to be hidden. A nil *secrets is none.
type secrets struct {
	// texts are found by the two bytes that they begin with, the longest first.
	texts  map[[2]byte][][]byte
	begins [256]bool // their first bytes

	// window is how long the shortest of them is. Where the last two bytes of a window
	// are known, so is how far the next place is at which a text can begin: jump
	// has it, 0 for a place that has to be looked at.
	window int
	jump   [1 << 16]uint8
}

const (
	// minSecret is how short a secret may be, and minPart how short a part or a form
	// of it that is hidden too.
	minSecret = 4
	minPart   = 8
)

func newSecrets(declared []string) (*secrets, error) {
	texts, err := textsOf(declared)
	if len(texts) == 0 || err != nil {
		return nil, err
	}
	return index(texts), nil
}

// textsOf returns what is to be hidden of secrets as they were declared.
func textsOf(declared []string) ([][]byte, error) {
	var texts [][]byte
	for i, secret := range declared {
		// What is read from a file often ends with a line feed, and is used without.
		secret = strings.TrimSpace(secret)
		if len(secret) < minSecret {
			return nil, fmt.Errorf("secret %d of %d: %w", i+1, len(declared), ErrShortSecret)
		}
		texts = append(texts, []byte(secret))
		for _, form := range forms(secret) {
			if len(form) >= minPart {
				texts = append(texts, []byte(form))
			}
		}
	}
	return texts, nil
}

func index(texts [][]byte) *secrets {
	slices.SortFunc(texts, func(a, b []byte) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), bytes.Compare(a, b))
	})
	texts = slices.CompactFunc(texts, bytes.Equal)
	s := &secrets{texts: map[[2]byte][][]byte{}}
	for _, text := range texts {
		s.texts[[2]byte(text)] = append(s.texts[[2]byte(text)], text)
		s.begins[text[0]] = true
	}
	s.window = min(len(texts[len(texts)-1]), 1<<8)
	s.measure(texts)
	return s
}

// measure works out the jumps: two bytes that stand nowhere in the first window of
// a text rule out all places but the next window's first; others
// lead to where they are the last two of it.
func (s *secrets) measure(texts [][]byte) {
	for i := range s.jump {
		s.jump[i] = uint8(s.window - 1)
	}
	for _, text := range texts {
		for end := 2; end <= s.window; end++ {
			jump := &s.jump[number(text[end-2], text[end-1])]
			*jump = min(*jump, uint8(s.window-end))
		}
	}
}

func number(a, b byte) int { return int(a)<<8 | int(b) }

// at returns the length of the longest text that b begins with, 0 if there is
// none, and whether there may be a longer one once b goes on.
func (s *secrets) at(b []byte) (n int, more bool) {
	if len(b) == 1 {
		return 0, s.begins[b[0]]
	}
	for _, text := range s.texts[[2]byte(b)] {
		switch {
		case bytes.HasPrefix(b, text):
			return len(text), more
		case bytes.HasPrefix(text, b):
			more = true
		}
	}
	return 0, more
}

// skip returns the next place from i on where a text can begin.
func (s *secrets) skip(b []byte, i int) int {
	for i+s.window <= len(b) {
		jump := s.jump[number(b[i+s.window-2], b[i+s.window-1])]
		if jump == 0 {
			break
		}
		i += int(jump)
	}
	return i
}

// hide returns text without the secrets in it.
func (s *secrets) hide(text string) string {
	if s == nil {
		return text
	}
	r := redactor{secrets: s}
	return string(r.append(nil, []byte(text), true))
}
