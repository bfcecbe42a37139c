package jsonl

import "github.com/quire-ci/quire-project/domain"

// loose decodes the line at b[i:] if it is an event in any key order and spacing, of
// any type and with any other members, and returns the index behind its line feed. It
// refuses a line that may be malformed: only the general decoder decides that. b has
// slack bytes after the line feed.
func (t *text) loose(b []byte, i int, event *domain.Event) int {
	i = skipSpace(b, i)
	if b[i] != '{' {
		return refused
	}
	m := members{rest: t.rest}
	if i = t.members(b, i, &m); i < 0 || !t.event(b, &m, event) {
		return refused
	}
	t.rest = again(m.rest)
	return i
}

// key is a member that the wire knows, as a bit: a set of keys is a number.
type key uint8

const (
	keyAtMs key = 1 << iota
	keyType
	keyJobID
	keyCmd
	keyExitCode
	keyOutcome
	keyLabels

	allKeys = 1<<iota - 1
)

// required are the members that an event of each kind must have.
var required = [...]key{
	domain.NoEvent:     keyAtMs | keyType,
	domain.Unknown:     keyAtMs | keyType,
	domain.RunStarted:  keyAtMs | keyType,
	domain.RunFinished: keyAtMs | keyType | keyOutcome,
	domain.JobStarted:  keyAtMs | keyType | keyJobID,
	domain.JobFinished: keyAtMs | keyType | keyJobID | keyOutcome,
	domain.ShStarted:   keyAtMs | keyType | keyJobID | keyCmd,
	domain.ShFinished:  keyAtMs | keyType | keyJobID | keyExitCode,
}

// members are the members of a line that have been read.
type members struct {
	seen key // members that the wire knows
	read key // keys whose values have the right type

	atMs     int64
	exitCode int64
	kind     domain.Kind
	typ      string
	jobID    string
	cmd      string
	outcome  string
	labels   int // index of their object

	// rest are the members that an unknown event has no field for: all but at_ms, type and,
	// if it is a string, job_id.
	rest []rawMember
}

// members reads the members of a line that follow the brace or the comma at b[i], and
// returns the index behind the line feed.
func (t *text) members(b []byte, i int, m *members) int {
	for {
		if i = skipSpace(b, i+1); b[i] != '"' {
			return refused
		}
		k, nameEnd, escaped := t.key(b, i+1)
		if nameEnd < 0 || m.seen&k != 0 {
			return refused
		}
		value := nameEnd + 1
		if b[nameEnd] != ':' || b[value] <= ' ' {
			if value = skipColon(b, nameEnd); value < 0 {
				return refused
			}
		}
		m.seen |= k
		t.spaced = false
		next := t.value(b, value, k, m)
		if next < 0 {
			return refused
		}
		if m.kind <= domain.Unknown && k&(keyAtMs|keyType) == 0 && m.read&k&keyJobID == 0 {
			m.rest = append(m.rest, rawMember{
				nameAt: i, nameEnd: nameEnd, valueAt: value, valueEnd: next, escaped: escaped, spaced: t.spaced,
			})
		}
		if i = skipSpace(b, next); b[i] == ',' {
			continue
		}
		if b[i] != '}' {
			return refused
		}
		if i = skipSpace(b, i+1); b[i] != '\n' {
			return refused
		}
		return i + 1
	}
}

// value reads the value at b[i:] of the member k, or skips it if it has the wrong
// type, and returns the index behind it.
func (t *text) value(b []byte, i int, k key, m *members) int {
	next := refused
	switch {
	case k == 0:
		return t.skipValue(b, i, 1)
	case k == keyAtMs:
		m.atMs, next = wholeNumber(b, i)
	case k == keyExitCode:
		m.exitCode, next = wholeNumber(b, i)
	case k == keyLabels && b[i] == '{':
		m.labels, next = i, t.skipValue(b, i, 1)
	case b[i] != '"':
	case k == keyType:
		m.kind, m.typ, next = t.typeName(b, i+1)
	case k == keyJobID:
		m.jobID, next = t.jobID(b, i+1)
	case m.kind == domain.Unknown: // it has no other fields
	case k == keyCmd:
		m.cmd, next = t.string(b, i+1)
	case k == keyOutcome:
		m.outcome, next = t.string(b, i+1)
	}
	if next < 0 {
		return t.skipValue(b, i, 1)
	}
	m.read |= k
	return next
}

// wholeNumber is integer, but refuses a number with a fraction or an exponent.
func wholeNumber(b []byte, i int) (int64, int) {
	n, next := integer(b, i)
	if next >= 0 && (b[next] == '.' || b[next]|0x20 == 'e') {
		return 0, refused
	}
	return n, next
}

// key returns the key whose name starts at b[i], 0 for one that the wire does not
// know, the index behind the closing quote, and whether the name has an escape.
func (t *text) key(b []byte, i int) (k key, next int, escaped bool) {
	if k, next = knownKey(b, i); k != 0 {
		return k, next, false
	}
	if next, escaped = skipString(b, i); !escaped {
		return 0, next, false
	}
	name, _ := t.string(b, i)
	return wireKeys[name], next, true
}

// knownKey returns the key whose name starts at b[i] without escapes, 0 for any other
// one, and the index behind the closing quote.
func knownKey(b []byte, i int) (key, int) {
	switch {
	case string(b[i:i+6]) == `at_ms"`:
		return keyAtMs, i + 6
	case string(b[i:i+5]) == `type"`:
		return keyType, i + 5
	case string(b[i:i+7]) == `job_id"`:
		return keyJobID, i + 7
	case string(b[i:i+4]) == `cmd"`:
		return keyCmd, i + 4
	case string(b[i:i+10]) == `exit_code"`:
		return keyExitCode, i + 10
	case string(b[i:i+8]) == `outcome"`:
		return keyOutcome, i + 8
	case string(b[i:i+7]) == `labels"`:
		return keyLabels, i + 7
	}
	return 0, i
}

// event makes the event of m, and reports whether all required members have allowed
// values.
func (t *text) event(b []byte, m *members, event *domain.Event) bool {
	fill(event, m.kind, m.atMs, m.jobID, "")
	needed := required[m.kind]
	ok := true
	switch m.kind {
	case domain.JobStarted:
	case domain.JobFinished:
		event.Outcome, ok = outcomeOf(m.kind, m.outcome)
	case domain.ShStarted:
		event.Cmd = m.cmd
	case domain.ShFinished:
		event.ExitCode = int32(m.exitCode)
		ok = int64(event.ExitCode) == m.exitCode
	case domain.RunFinished:
		event.JobID, event.HasJob = "", false
		event.Outcome, ok = outcomeOf(m.kind, m.outcome)
	case domain.RunStarted:
		needed |= m.seen & keyLabels
		var labels domain.Labels
		if m.read&keyLabels != 0 {
			labels, ok = t.labels(b, m.labels)
		}
		*event = domain.NewRunStarted(m.atMs, labels)
	default:
		event.HasJob, event.JobID = m.read&keyJobID != 0, m.jobID
		event.Type, event.Extra = m.typ, t.extra(b, m.rest)
	}
	return ok && m.read&needed == needed
}

// labels reads the labels of a run from the object at b[i:], which is valid JSON.
func (t *text) labels(b []byte, i int) (domain.Labels, bool) {
	list := t.labelList[:0]
	for i = skipSpace(b, i+1); b[i] != '}'; i = skipSpace(b, i) {
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
		var label domain.Label
		label.Key, i = t.string(b, i+1)
		if i = skipColon(b, i); b[i] != '"' || len(list) == domain.MaxLabels {
			return domain.Labels{}, false
		}
		label.Value, i = t.string(b, i+1)
		list = append(list, label)
	}
	t.labelList = list
	labels, err := domain.NewLabels(list...)
	return labels, err == nil
}

// typeName is string for a type, and returns the kind that it names.
func (t *text) typeName(b []byte, i int) (domain.Kind, string, int) {
	known := &t.types[load(b, i)*typeSpread>>(64-typeBits)]
	end := i + len(known.name)
	if known.plain && end < len(b) && b[end] == '"' && string(b[i:end]) == known.name {
		return known.kind, known.name, end + 1
	}
	name, next := t.string(b, i)
	if next >= 0 {
		*known = typeOfText{name, domain.KindOf(name), next-i == len(name)+1}
	}
	return known.kind, name, next
}

// skipSpace returns the index of the first byte from b[i] on that is no JSON white
// space, or is the line feed.
func skipSpace(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	return i
}

// skipColon returns the index of the value whose name ends before b[i].
func skipColon(b []byte, i int) int {
	if i = skipSpace(b, i); b[i] != ':' {
		return refused
	}
	return skipSpace(b, i+1)
}
