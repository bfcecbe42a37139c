package jsonl

import (
	"math/bits"

	"github.com/quire-ci/quire-project/domain"
)

// refused is the index that a decoder returns for what it leaves to the next.
const refused = -1

// slack is how many bytes a decoder may look at behind the line feed that ends
// a line; what they are does not matter.
const slack = 64

// canonical decodes the line at b[i:] if it is one that [Append] writes, perhaps
// with further members behind, and returns the index behind its line feed;
// otherwise, it returns refused. b
// goes on for slack bytes after the line feed. event may hold anything before,
// and after a line that was refused.
//
// What looks clumsy is measured: comparisons with short constant strings compile to
// one or two loads, and fields that are set one by one go straight to memory,
// where a literal is made on the stack first.
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
	outcome := domain.NoOutcome
	switch i += 17; {
	case string(b[i:i+10]) == `succeeded"`:
		outcome, i = domain.Complete, i+10
	case string(b[i:i+17]) == `pipeline_failure"`:
		outcome, i = domain.Failed, i+17
	default:
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
		i += 10
		end := t.skipValue(b, i, 1)
		if end < 0 {
			return refused
		}
		var ok bool
		if labels, ok = t.labels(b, i); !ok {
			return refused
		}
		i = end
	}
	*event = domain.NewRunStarted(atMs, labels)
	return t.ended(b, i)
}

// canonicalUnknown decodes the rest of a line whose type stands at b[i:].
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

// fill sets all fields of an event that names a job. What was there before is
// gone: a batch's memory is used again, and clearing it first would cost as much
// as this.
func fill(event *domain.Event, kind domain.Kind, atMs int64, jobID, cmd string) {
	event.Kind, event.AtMs, event.JobID, event.HasJob = kind, atMs, jobID, true
	event.Cmd, event.ExitCode, event.Outcome = cmd, 0, domain.NoOutcome
	event.Type, event.Extra = "", ""
}

// ended returns the index behind the brace and the line feed at b[i:]. A later
// producer may have more to say before them, which is passed over.
func (t *text) ended(b []byte, i int) int {
	if b[i] == '}' && b[i+1] == '\n' {
		return i + 2
	}
	return t.others(b, i)
}

// others passes over members that the wire does not know.
func (t *text) others(b []byte, i int) int {
	return t.closed(b, i, &members{seen: allKeys, kind: domain.JobStarted})
}

// closed is members for a line whose last member ends before b[i], or that has more.
func (t *text) closed(b []byte, i int, m *members) int {
	switch {
	case b[i] == ',':
		return t.members(b, i, m)
	case b[i] == '}' && b[i+1] == '\n':
		return i + 2
	}
	return refused
}

// clock is integer for an at_ms. Where a number ends depends on its digits,
// and where the next thing begins on that, which is what the processor would
// wait for; a guess that is checked is waited for by nobody.
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

// exitCode is integer for an exit code, which mostly has one digit.
func exitCode(b []byte, i int) (int64, int) {
	if b[i+1] == '}' && '0' <= b[i] && b[i] <= '9' {
		return int64(b[i] - '0'), i + 1
	}
	return integer(b, i)
}

// integer reads a JSON integer of at most 15 digits, and returns it with the
// index behind it; a longer one is left to the general decoder.
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

// digits reads the decimal digits that x begins with, at its lowest byte, and
// returns their number and how many they are. All are read at once: in each
// step neighbours are joined, digits to pairs, pairs to fours, fours to eight.
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
