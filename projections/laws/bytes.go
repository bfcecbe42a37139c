package laws

import (
	"math"

	"github.com/quire-ci/quire-project/domain"
)

// FromBytes reads bytes as a stream, four for each entry: its kind, its job, its time, and its
// outcome. So whatever a fuzzer changes, removes or repeats is a stream again.
//
//	func FuzzFailedSh(f *testing.F) {
//		f.Fuzz(func(t *testing.T, data []byte) {
//			if err := laws.Hold(FailedByJob, laws.FromBytes(data)); err != nil {
//				t.Error(err)
//			}
//		})
//	}
func FromBytes(data []byte) (stream []domain.Entry) {
	for ; len(data) >= 4; data = data[4:] {
		entry := domain.Entry{Position: positionOf(len(stream))}
		entry.Event, entry.Fault = entryFrom(data[0]%10, string('a'+rune(data[1]%4)), clockFrom(data[2]), data[3])
		stream = append(stream, entry)
	}
	return stream
}

func entryFrom(kind byte, job string, atMs int64, end byte) (domain.Event, domain.Fault) {
	outcome := []domain.Outcome{domain.Complete, domain.Failed}[end%2]
	switch kind {
	case 0:
		return domain.NewJobStarted(atMs, job), domain.Sound
	case 1:
		return domain.NewJobFinished(atMs, job, outcome), domain.Sound
	case 2:
		return domain.NewShStarted(atMs, job, string(rune(end))), domain.Sound
	case 3:
		return domain.NewShFinished(atMs, job, int32(int8(end))), domain.Sound
	case 4:
		return domain.NewUnknown(atMs, "job_queued", "").InJob(job), domain.Sound
	case 5:
		return domain.NewUnknown(atMs, "job_queued", ""), domain.Sound
	case 6:
		return domain.NewRunFinished(atMs, outcome), domain.Sound
	case 7:
		return domain.Event{}, domain.Malformed
	case 8:
		return RunStarted(atMs, domain.Label{Key: job, Value: string(rune(end))}), domain.Sound
	}
	return domain.Event{}, domain.Torn
}

// clockFrom turns a byte into a time that is small or extreme.
func clockFrom(b byte) int64 {
	switch {
	case b < 0x80:
		return int64(b) - 8
	case b%2 == 0:
		return math.MinInt64 + int64(b-0x80)
	}
	return math.MaxInt64 - int64(b-0x80)
}
