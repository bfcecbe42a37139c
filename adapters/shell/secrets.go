package shell

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// secrets are the texts to mask. A nil *secrets has none.
type secrets struct {
	// starts indexes the forms by the first two bytes of their texts: it has the index of a
	// list in forms. The list at index 0 is empty.
	forms  [][]form
	starts [256][256]uint16
}

// minSecret is the minimum length of a secret, and minPart that of a line of a secret that is
// masked by itself.
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
		// A secret from a file often ends with a line feed, but is used without it.
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

// index adds a form under the first two bytes of its texts.
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

// add adds a form under two bytes, once.
func (s *secrets) add(f form, first, second byte) {
	list := &s.starts[first][second]
	if *list == 0 {
		*list, s.forms = uint16(len(s.forms)), append(s.forms, nil)
	}
	if known := s.forms[*list]; len(known) == 0 || &known[len(known)-1][0] != &f[0] {
		s.forms[*list] = append(known, f)
	}
}

// at returns the length of the longest secret that b begins with, or 0, and whether more
// bytes may make a longer match.
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

// skip returns the next index from i on where a secret can begin.
func (s *secrets) skip(b []byte, i int) int {
	for i+1 < len(b) && s.starts[b[i]][b[i+1]] == 0 {
		i++
	}
	return i
}

// mask returns text with the secrets in it masked.
func (s *secrets) mask(text string) string {
	if s == nil {
		return text
	}
	r := redactor{secrets: s}
	return string(r.append(nil, []byte(text), true))
}

// maskLabels returns labels with the secrets in their values masked.
func (s *secrets) maskLabels(labels domain.Labels) (domain.Labels, error) {
	var masked []domain.Label
	for label := range labels.All() {
		masked = append(masked, domain.Label{Key: label.Key, Value: s.mask(label.Value)})
	}
	return domain.NewLabels(masked...)
}

// redactor masks secrets in a text that arrives in parts. It holds back what may
// be the beginning of a secret until it knows more; that is shorter than the longest
// secret.
type redactor struct {
	secrets *secrets
	held    []byte
	// masked is how many bytes of held belong to a secret that is masked already.
	masked int
}

// mask replaces secrets.
const mask = "***"

// append appends to dst what part, the last one or not, adds to the masked text.
// Overlapping occurrences share one mask.
func (r *redactor) append(dst, part []byte, last bool) []byte {
	b := part
	if len(r.held) > 0 {
		r.held = append(r.held, part...)
		b = r.held
	}
	done := r.masked // b is in dst, or masked, up to here
	i := r.secrets.skip(b, 0)
	for ; i < len(b); i = r.secrets.skip(b, i+1) {
		n, more := r.secrets.at(b[i:])
		if more && !last {
			break
		}
		if n == 0 {
			continue
		}
		if i >= done {
			dst = append(append(dst, b[done:i]...), mask...)
		}
		done = max(done, i+n)
	}
	if done < i {
		dst = append(dst, b[done:i]...)
		done = i
	}
	r.masked = done - i
	r.held = append(r.held[:0], b[i:]...)
	return dst
}
