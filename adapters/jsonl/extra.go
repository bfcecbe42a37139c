package jsonl

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
)

// rawMember is the place of a member in a line b: its name in quotes is
// b[nameAt:nameEnd], its value b[valueAt:valueEnd].
type rawMember struct {
	nameAt, nameEnd, valueAt, valueEnd int

	escaped bool // the name has an escape
	spaced  bool // white space is between parts of the value
}

// namedMember is a rawMember with its name, which is valid until the next line.
type namedMember struct {
	rawMember
	name string
}

// extra returns the members of an unknown event without a field of their own, in the form
// that [domain.NewUnknown] asks for: sorted by name, without white space, and of members
// with the same name the last one.
func (t *text) extra(b []byte, rest []rawMember) string {
	if len(rest) == 0 {
		return ""
	}
	var before []byte // the name of the member before
	for i := range rest {
		raw := &rest[i]
		name := b[raw.nameAt+1 : raw.nameEnd-1]
		asWritten := !raw.escaped && !raw.spaced && raw.nameEnd+1 == raw.valueAt &&
			(i == 0 || rest[i-1].valueEnd+1 == raw.nameAt && string(before) < string(name))
		if !asWritten {
			return t.sorted(b, rest)
		}
		before = name
	}
	members := b[rest[0].nameAt:rest[len(rest)-1].valueEnd]
	out := append(t.reserve(len(members)+2), '{')
	out = append(append(out, members...), '}')
	t.used += len(out)
	return unsafe.String(unsafe.SliceData(out), len(out))
}

// sorted is extra for members that the line has in another form.
func (t *text) sorted(b []byte, rest []rawMember) string {
	named, size := t.named[:0], 1
	for _, raw := range rest {
		size += 2 + raw.valueEnd - raw.nameAt // an escape that is written again does not grow
		member := namedMember{rawMember: raw}
		if raw.escaped {
			member.name, _ = t.string(b, raw.nameAt+1)
		} else {
			name := b[raw.nameAt+1 : raw.nameEnd-1]
			member.name = unsafe.String(unsafe.SliceData(name), len(name))
		}
		named = append(named, member)
	}
	slices.SortStableFunc(named, func(a, b namedMember) int { return strings.Compare(a.name, b.name) })
	out := t.reserve(size)
	for i := range named {
		member := &named[i]
		if i+1 < len(named) && named[i+1].name == member.name {
			continue
		}
		out = append(out, ',')
		if member.escaped {
			out = jsonenc.AppendString(out, member.name)
		} else {
			out = append(out, b[member.nameAt:member.nameEnd]...)
		}
		out = append(out, ':')
		out = appendCompact(out, b[member.valueAt:member.valueEnd], member.spaced)
	}
	t.named = again(named)
	out = append(out, '}')
	out[0] = '{'
	t.used += len(out)
	return unsafe.String(unsafe.SliceData(out), len(out))
}

// reserve returns memory for a string of at most size bytes. Add its length to text.used.
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

// maxAgain is how many elements of memory are used again: lines that need more are rare.
const maxAgain = 4096

// again returns the memory of s for another line, or nil if it is large.
func again[T any](s []T) []T {
	if cap(s) > maxAgain {
		return nil
	}
	return s[:0]
}
