package jsonl

import "github.com/quire-ci/quire-project/domain"

// loose decodes the line at b[i:] if it is a known event in any key order and
// spacing, and returns the index behind its line feed. It refuses what only
// the general decoder is to judge: unknown types, a member that is nested, and
// whatever may be malformed. b goes on for slack bytes after the line feed.
func (t *text) loose(b []byte, i int, event *domain.Event) int {
	var m members
	i = skipSpace(b, i)
	if b[i] != '{' {
		return refused
	}
	for more := true; more; {
		if i = t.member(b, skipSpace(b, i+1), &m); i < 0 {
			return refused
		}
		i = skipSpace(b, i)
		more = b[i] == ','
	}
	if b[i] != '}' || !m.event(event) {
		return refused
	}
	if i = skipSpace(b, i+1); b[i] != '\n' {
		return refused
	}
	return i + 1
}

// key is a member that the wire knows, as a bit, so that a set of keys is a
// number.
type key uint8

const (
	keyAtMs key = 1 << iota
	keyType
	keyJobID
	keyCmd
	keyExitCode
	keyOutcome
	keyLabels
)

// members are the values of a line's known members, as far as they were seen.
type members struct {
	seen     key
	atMs     int64
	exitCode int64
	kind     domain.Kind
	jobID    string
	cmd      string
	outcome  string
}

// member reads one member, name and value, and returns the index behind it.
func (t *text) member(b []byte, i int, m *members) int {
	if b[i] != '"' {
		return refused
	}
	k, i := knownKey(b, i+1)
	if i < 0 {
		return t.otherMember(b, -i)
	}
	if i = skipColon(b, i); i < 0 || m.seen&k != 0 {
		return refused
	}
	m.seen |= k
	switch k {
	case keyAtMs:
		m.atMs, i = integer(b, i)
		return i
	case keyExitCode:
		m.exitCode, i = integer(b, i)
		return i
	case keyLabels:
		return refused
	}
	if b[i] != '"' {
		return refused
	}
	switch i++; k {
	case keyJobID:
		m.jobID, i = t.jobID(b, i)
	case keyCmd:
		m.cmd, i = t.string(b, i)
	case keyOutcome:
		m.outcome, i = t.string(b, i)
	case keyType:
		var name string
		name, i = t.string(b, i)
		m.kind = domain.KindOf(name)
	}
	return i
}

// knownKey returns the key whose name starts at b[i], and the index behind its
// closing quote; for any other one, -i.
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
	return 0, -i
}

// otherMember reads a member that the wire does not know, whose name starts at
// b[i], and forgets it. A name with an escape in it may be one that the wire
// knows after all.
func (t *text) otherMember(b []byte, i int) int {
	name, next := t.string(b, i)
	if next < 0 || next-i != len(name)+1 {
		return refused
	}
	if i = skipColon(b, next); i < 0 {
		return refused
	}
	switch c := b[i]; {
	case c == '"':
		_, i = t.string(b, i+1)
		return i
	case c == '-' || '0' <= c && c <= '9':
		_, i = integer(b, i)
		return i
	case string(b[i:i+4]) == "true", string(b[i:i+4]) == "null":
		return i + 4
	case string(b[i:i+5]) == "false":
		return i + 5
	}
	return refused
}

// event makes the event of m, unless it is unknown or a member is missing.
func (m *members) event(event *domain.Event) bool {
	*event = domain.Event{Kind: m.kind, AtMs: m.atMs, JobID: m.jobID, HasJob: true}
	needed := keyAtMs | keyType | keyJobID
	ok := true
	switch m.kind {
	case domain.JobStarted:
	case domain.JobFinished:
		needed |= keyOutcome
		event.Outcome, ok = outcomeOf(m.kind, m.outcome)
	case domain.ShStarted:
		needed |= keyCmd
		event.Cmd = m.cmd
	case domain.ShFinished:
		needed |= keyExitCode
		event.ExitCode = int32(m.exitCode)
		ok = int64(event.ExitCode) == m.exitCode
	case domain.RunFinished:
		needed = keyAtMs | keyType | keyOutcome
		event.JobID, event.HasJob = "", false
		event.Outcome, ok = outcomeOf(m.kind, m.outcome)
	default:
		ok = false
	}
	return ok && m.seen&needed == needed
}

// skipSpace returns the index of the first byte from b[i] on that is no JSON
// white space, or that ends the line.
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
