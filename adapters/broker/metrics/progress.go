package metrics

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Backlog is what is still to be applied of a partition.
type Backlog struct {
	// Waiting counts the messages that have not been acked, Pending those among them
	// that no worker has been given yet.
	Waiting, Pending int64
	// Done changes when messages have been acked.
	Done uint64
}

// Progress judges whether work continues, from attempts to apply segments that succeeded or
// failed, and from the backlogs. It is safe for concurrent use.
type Progress struct {
	// Patience is how long nothing may be applied before that is a problem.
	Patience time.Duration

	mu          sync.Mutex
	since, last time.Time // of failures without a success in between
	reason      string
	partitions  map[int]*trend
}

// trend is how the backlog of a partition has changed.
type trend struct {
	Backlog
	still  time.Time // since when nothing was acked
	grows  time.Time // since when the pending messages have only become more,
	before int64     // from so many
}

// Applied takes note that something was applied.
func (p *Progress) Applied() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = time.Time{}
}

// Failed takes note that something was not, for a reason that is fit to be shown.
func (p *Progress) Failed(reason string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		p.since = now
	}
	p.last, p.reason = now, reason
}

// forgets is how long a failure counts without another attempt: another worker may have taken
// over the partition.
func (p *Progress) forgets() time.Duration { return max(p.Patience, 3*time.Minute) }

// Look takes note of the backlogs of all partitions, or of nil when they are not known.
func (p *Progress) Look(backlogs map[int]Backlog, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if backlogs == nil { // then it is not known either what happens until they are again
		p.partitions = nil
		return
	}
	if p.partitions == nil {
		p.partitions = map[int]*trend{}
	}
	waiting := false
	for partition, b := range backlogs {
		waiting = waiting || b.Waiting > 0
		t := p.partitions[partition]
		if t == nil {
			t = &trend{}
			p.partitions[partition] = t
		}
		t.update(b, now)
	}
	if !waiting {
		p.since = time.Time{}
	}
}

func (t *trend) update(b Backlog, now time.Time) {
	if b.Waiting == 0 || b.Waiting < t.Waiting || b.Done != t.Done || t.still.IsZero() {
		t.still = now
	}
	if b.Pending == 0 || b.Pending < t.Pending || t.grows.IsZero() {
		t.grows, t.before = now, b.Pending
	}
	t.Backlog = b
}

// Problems says what is wrong; it returns nothing while segments are applied.
func (p *Progress) Problems(now time.Time) (problems []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() && now.Sub(p.since) > p.Patience && now.Sub(p.last) <= p.forgets() {
		problems = append(problems, fmt.Sprintf("the worker: nothing could be applied for %s; %s", rounded(now.Sub(p.since)), p.reason))
	}
	for _, partition := range slices.Sorted(maps.Keys(p.partitions)) {
		switch t := p.partitions[partition]; {
		case t.Waiting > 0 && now.Sub(t.still) > p.Patience:
			problems = append(problems, fmt.Sprintf("partition %d: messages wait (%d), and none was applied for %s", partition, t.Waiting, rounded(now.Sub(t.still))))
		case t.Pending > t.before && now.Sub(t.grows) > p.Patience:
			problems = append(problems, fmt.Sprintf("partition %d: the backlog has only grown for %s, from %d to %d messages; start more workers, or find out what slows the store", partition, rounded(now.Sub(t.grows)), t.before, t.Pending))
		}
	}
	return problems
}

func rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}
