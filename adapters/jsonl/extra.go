package jsonl

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
)

// rawMember is a member of a line as it stands there: its name between quotes in
// b[nameAt:nameEnd], its value in b[valueAt:valueEnd].
type rawMember struct {
	nameAt, nameEnd, valueAt, valueEnd int

	key     key
	escaped bool   // there is an escape in the name
	spaced  bool   // there is white space between the parts of the value
	name    string // where members are sorted, and valid no longer
}

// extra writes the members of an unknown event that have no field of their own
// as [domain.NewUnknown] asks for them: sorted by name, without white space, and of
// those that have the same name the last one.
func (t *text) extra(b []byte, m *members) string {
	rest := m.rest
	if len(rest) == 0 {
		return ""
	}
	size, asWritten := 1, true // which is how they stand in the line
	for i := range rest {
		raw := &rest[i]
		size += 2 + raw.valueEnd - raw.nameAt // an escape that is written again is no longer than it was
		if raw.escaped {
			raw.name, _ = t.string(b, raw.nameAt+1)
		} else {
			name := b[raw.nameAt+1 : raw.nameEnd-1]
			raw.name = unsafe.String(unsafe.SliceData(name), len(name))
		}
		asWritten = asWritten && !raw.escaped && !raw.spaced && raw.nameEnd+1 == raw.valueAt &&
			(i == 0 || rest[i-1].valueEnd+1 == raw.nameAt && rest[i-1].name < raw.name)
	}
	if asWritten {
		return t.asWritten(b[rest[0].nameAt:rest[len(rest)-1].valueEnd])
	}
	byName := func(a, b rawMember) int { return strings.Compare(a.name, b.name) }
	if !slices.IsSortedFunc(rest, byName) {
		slices.SortStableFunc(rest, byName)
	}
	out := t.reserve(size)
	for i := range rest {
		raw := &rest[i]
		if i+1 < len(rest) && rest[i+1].name == raw.name {
			continue
		}
		out = append(out, ',')
		if raw.escaped {
			out = jsonenc.AppendString(out, raw.name)
		} else {
			out = append(out, b[raw.nameAt:raw.nameEnd]...)
		}
		out = append(out, ':')
		out = appendCompact(out, b[raw.valueAt:raw.valueEnd], raw.spaced)
	}
	out = append(out, '}')
	out[0] = '{'
	t.used += len(out)
	return unsafe.String(unsafe.SliceData(out), len(out))
}

// asWritten is extra for members that are written already as they are to be.
func (t *text) asWritten(members []byte) string {
	out := append(t.reserve(len(members)+2), '{')
	out = append(append(out, members...), '}')
	t.used += len(out)
	return unsafe.String(unsafe.SliceData(out), len(out))
}

// reserve returns memory for a string of at most size bytes, see text.used.
func (t *text) reserve(size int) []byte {
	if t.used+size > len(t.chunk) {
		t.chunk, t.used = make([]byte, max(chunkSize, size)), 0
	}
	return t.chunk[t.used:t.used:len(t.chunk)]
}

// appendCompact appends a value without the white space between its parts.
func appendCompact(dst, value []byte, spaced bool) []byte {
	if !spaced {
		return append(dst, value...)
	}
	inString, escaped := false, false
	for _, c := range value {
		switch {
		case escaped:
			escaped = false
		case c == '"':
			inString = !inString
		case c == '\\':
			escaped = true // only in a string
		case c <= ' ' && !inString:
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// maxAgain is how many elements of memory are used again; a line that needed
// more is seldom followed by another one.
const maxAgain = 4096

// again returns the memory of s for another line, unless it has become large.
func again[T any](s []T) []T {
	if cap(s) > maxAgain {
		return nil
	}
	return s[:0]
}
