package jsonl

import (
	"math/bits"

	"github.com/quire-ci/quire-project/domain"
)

// refused is the index that a decoder returns for a line that it leaves to the next one.
const refused = -1

// slack is how many bytes a decoder may read after the line feed of a line. Their values
// do not matter.
const slack = 64

// canonical decodes the line at b[i:] if [Append] could have written it, also with further
// members at the end, and returns the index behind its line feed, or refused. b has slack
// bytes after the line feed. event may hold anything before, and after a refused line.
//
// The code looks clumsy but was measured: comparisons with short constant strings compile
// to one or two loads, and fields that are set one by one go straight to memory, whereas a
// literal is made on the stack first.
func (t *text) canonical(b []byte, i int, event *domain.Event) int {
	if string(b[i:i+9]) != `{"at_ms":` {
		return refused
	}
	atMs, i := t.clock(b, i+9)
	if i < 0 || string(b[i:i+9]) != `,"type":"` {
		return refused
	}
	i += 9
	switch string(b[i : i+8]) {
	case "sh_start":
		return t.canonicalShStarted(b, i+8, atMs, event)
	case "sh_finis":
		return t.canonicalShFinished(b, i+8, atMs, event)
	case "job_star":
		return t.canonicalJobStarted(b, i+8, atMs, event)
	case "job_fini":
		return t.canonicalJobFinished(b, i+8, atMs, event)
	case "run_fini":
		return t.canonicalRunFinished(b, i+8, atMs, event)
	case "run_star":
		return t.canonicalRunStarted(b, i+8, atMs, event)
	}
	return t.canonicalUnknown(b, i, atMs, event)
}

func (t *text) canonicalShStarted(b []byte, i int, atMs int64, event *domain.Event) int {
	if string(b[i:i+14]) != `ed","job_id":"` {
		return refused
	}
	jobID, i := t.jobID(b, i+14)
	if i < 0 || string(b[i:i+8]) != `,"cmd":"` {
		return refused
	}
	cmd, i := t.string(b, i+8)
	if i < 0 {
		return refused
	}
	fill(event, domain.ShStarted, atMs, jobID, cmd)
	return t.ended(b, i)
}

func (t *text) canonicalShFinished(b []byte, i int, atMs int64, event *domain.Event) int {
	if string(b[i:i+15]) != `hed","job_id":"` {
		return refused
	}
	jobID, i := t.jobID(b, i+15)
	if i < 0 || string(b[i:i+13]) != `,"exit_code":` {
		return refused
	}
	exitCode, i := exitCode(b, i+13)
	if i < 0 || int64(int32(exitCode)) != exitCode {
		return refused
	}
	fill(event, domain.ShFinished, atMs, jobID, "")
	event.ExitCode = int32(exitCode)
	return t.ended(b, i)
}

func (t *text) canonicalJobStarted(b []byte, i int, atMs int64, event *domain.Event) int {
	if string(b[i:i+15]) != `ted","job_id":"` {
		return refused
	}
	jobID, i := t.jobID(b, i+15)
	if i < 0 {
		return refused
	}
	fill(event, domain.JobStarted, atMs, jobID, "")
	return t.ended(b, i)
}

func (t *text) canonicalJobFinished(b []byte, i int, atMs int64, event *domain.Event) int {
	if string(b[i:i+16]) != `shed","job_id":"` {
		return refused
	}
	jobID, i := t.jobID(b, i+16)
	if i < 0 || string(b[i:i+12]) != `,"outcome":"` {
		return refused
	}
	outcome := domain.NoOutcome
	switch i += 12; {
	case string(b[i:i+9]) == `complete"`:
		outcome, i = domain.Complete, i+9
	case string(b[i:i+7]) == `failed"`:
		outcome, i = domain.Failed, i+7
	default:
		return refused
	}
	fill(event, domain.JobFinished, atMs, jobID, "")
	event.Outcome = outcome
	return t.ended(b, i)
}

func (t *text) canonicalRunFinished(b []byte, i int, atMs int64, event *domain.Event) int {
	if string(b[i:i+17]) != `shed","outcome":"` {
		return refused
	}
	name, i := t.string(b, i+17)
	outcome, ok := outcomeOf(domain.RunFinished, name)
	if i < 0 || !ok {
		return refused
	}
	fill(event, domain.RunFinished, atMs, "", "")
	event.Outcome, event.HasJob = outcome, false
	return t.ended(b, i)
}

func (t *text) canonicalRunStarted(b []byte, i int, atMs int64, event *domain.Event) int {
	if string(b[i:i+4]) != `ted"` {
		return refused
	}
	i += 4
	var labels domain.Labels
	if string(b[i:i+11]) == `,"labels":{` {
		at := i + 10
		if i = t.skipValue(b, at, 1); i < 0 {
			return refused
		}
		var ok bool
		if labels, ok = t.labels(b, at); !ok {
			return refused
		}
	}
	*event = domain.NewRunStarted(atMs, labels)
	return t.ended(b, i)
}

// canonicalUnknown decodes the rest of a line from its type at b[i:] on.
func (t *text) canonicalUnknown(b []byte, i int, atMs int64, event *domain.Event) int {
	kind, name, i := t.typeName(b, i)
	if i < 0 || kind != domain.Unknown {
		return refused
	}
	m := members{seen: keyAtMs | keyType, read: keyAtMs | keyType, atMs: atMs, kind: kind, typ: name, rest: t.rest}
	if i = t.closed(b, i, &m); i < 0 || !t.event(b, &m, event) {
		return refused
	}
	t.rest = again(m.rest)
	return i
}

// fill sets all fields of an event that names a job. It also clears the fields of an
// earlier event in the same memory; to clear them first would cost as much again.
func fill(event *domain.Event, kind domain.Kind, atMs int64, jobID, cmd string) {
	event.Kind, event.AtMs, event.JobID, event.HasJob = kind, atMs, jobID, true
	event.Cmd, event.ExitCode, event.Outcome = cmd, 0, domain.NoOutcome
	event.Type, event.Extra = "", ""
}

// ended returns the index behind the brace and the line feed at b[i:]. It skips members
// that a later producer wrote before them.
func (t *text) ended(b []byte, i int) int {
	if b[i] == '}' && b[i+1] == '\n' {
		return i + 2
	}
	return t.others(b, i)
}

// others skips members that the wire does not know.
func (t *text) others(b []byte, i int) int {
	return t.closed(b, i, &members{seen: allKeys, kind: domain.JobStarted})
}

// closed reads the rest of a line from b[i] on: further members or its end.
func (t *text) closed(b []byte, i int, m *members) int {
	switch {
	case b[i] == ',':
		return t.members(b, i, m)
	case b[i] == '}' && b[i+1] == '\n':
		return i + 2
	}
	return refused
}

// clock is integer for an at_ms. It guesses that the number is as long as the one before,
// and checks the guess: so the processor need not wait for the end of the number before it
// reads the next member.
func (t *text) clock(b []byte, i int) (int64, int) {
	high, width := load(b, i), t.clockWidth
	low, count := digits(load(b, i+word))
	if high == t.clockWord && word+count == width && count < word {
		return t.clockValue*powers[count] + low, i + width
	}
	n, next := integer(b, i)
	t.clockWord, t.clockWidth = 0, 0
	if value, count := digits(high); count == word {
		t.clockWord, t.clockValue, t.clockWidth = high, value, next-i
	}
	return n, next
}

// exitCode is integer for an exit code, which usually has one digit.
func exitCode(b []byte, i int) (int64, int) {
	if b[i+1] == '}' && '0' <= b[i] && b[i] <= '9' {
		return int64(b[i] - '0'), i + 1
	}
	return integer(b, i)
}

// integer reads a JSON integer of at most 15 digits, and returns it and the index behind
// it. It refuses a longer one.
func integer(b []byte, i int) (int64, int) {
	negative := b[i] == '-'
	if negative {
		i++
	}
	n, count := digits(load(b, i))
	if b[i] == '0' && count != 1 || count == 0 {
		return 0, refused
	}
	i += count
	if count == word {
		more, count := digits(load(b, i))
		if count == word {
			return 0, refused
		}
		n = n*powers[count] + more
		i += count
	}
	if negative {
		n = -n
	}
	return n, i
}

var powers = [word]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}

// digits reads the decimal digits at the start of x, which is its lowest byte, and returns
// their value and count. It reads all at once: each step joins neighbours, digits to
// pairs, pairs to fours, fours to eight.
func digits(x uint64) (n int64, count int) {
	x -= ones * '0'
	other := ((x + ones*(0x7f-9)) | x) & highs // the lowest mark is exact
	count = bits.TrailingZeros64(other) / 8
	x <<= 64 - 8*count // leading zeros instead of what follows
	x = x*10 + x>>8
	const pairs = 0x000000FF000000FF
	x = x&pairs*(100+1000000<<32) + x>>16&pairs*(1+10000<<32)
	return int64(x >> 32), count
}
