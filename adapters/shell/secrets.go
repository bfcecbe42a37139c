package shell

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// secrets are the texts to hide. A nil *secrets has none.
type secrets struct {
	// forms are found by the first two bytes of their texts: starts has the index of their
	// list in forms. The list at index 0 is empty.
	forms  [][]form
	starts [256][256]uint16
}

// minSecret is how short a secret may be, and minPart how short a part of one that is hidden
// too.
const (
	minSecret = 4
	minPart   = 8
)

func newSecrets(declared []string) (*secrets, error) {
	if len(declared) == 0 {
		return nil, nil
	}
	s := &secrets{forms: [][]form{nil}}
	for i, secret := range declared {
		// What is read from a file often ends with a line feed, and is used without.
		secret = strings.TrimSpace(secret)
		if len(secret) < minSecret {
			return nil, fmt.Errorf("secret %d of %d: %w", i+1, len(declared), ErrShortSecret)
		}
		for _, f := range formsOf(secret) {
			s.index(f)
		}
	}
	return s, nil
}

// index has a form be found by the first two bytes of its texts.
func (s *secrets) index(f form) {
	for _, text := range f[0] {
		follows := unit{text[1:]}
		if len(text) == 1 {
			follows = f[1]
		}
		for _, next := range follows {
			s.add(f, text[0], next[0])
		}
	}
}

// add has a form be found by two bytes, once.
func (s *secrets) add(f form, first, second byte) {
	list := &s.starts[first][second]
	if *list == 0 {
		*list, s.forms = uint16(len(s.forms)), append(s.forms, nil)
	}
	if known := s.forms[*list]; len(known) == 0 || &known[len(known)-1][0] != &f[0] {
		s.forms[*list] = append(known, f)
	}
}

// at returns the length of the longest text that b begins with, 0 if there is
// none, and whether there may be a longer one once b goes on.
func (s *secrets) at(b []byte) (n int, more bool) {
	if len(b) == 1 {
		return 0, slices.Max(s.starts[b[0]][:]) > 0
	}
	for _, f := range s.forms[s.starts[b[0]][b[1]]] {
		length, longer := f.match(b)
		n, more = max(n, length), more || longer
	}
	return n, more
}

// skip returns the next place from i on where a text can begin.
func (s *secrets) skip(b []byte, i int) int {
	for i+1 < len(b) && s.starts[b[i]][b[i+1]] == 0 {
		i++
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

// hideIn returns labels without the secrets in their values.
func (s *secrets) hideIn(labels domain.Labels) (domain.Labels, error) {
	var hidden []domain.Label
	for label := range labels.All() {
		hidden = append(hidden, domain.Label{Key: label.Key, Value: s.hide(label.Value)})
	}
	return domain.NewLabels(hidden...)
}
