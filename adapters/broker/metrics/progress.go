package metrics

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Backlog counts the messages of a partition that are not applied yet.
type Backlog struct {
	// Waiting counts the messages without an ack, Pending those among them that were not delivered to
	// a worker yet.
	Waiting, Pending int64
	// Done changes when messages have been acked.
	Done uint64
}

// Progress decides whether work continues, from the outcomes of applying segments and from the
// backlogs. It is safe for concurrent use.
type Progress struct {
	// Patience is how long nothing may be applied before Progress reports a problem.
	Patience time.Duration

	mu          sync.Mutex
	since, last time.Time // the first and latest failure since the last success
	reason      string
	partitions  map[int]*trend
}

// trend is how the backlog of a partition has changed.
type trend struct {
	Backlog
	still  time.Time // the time since which nothing was acked
	grows  time.Time // the time since which the pending messages have only increased,
	before int64     // starting from this number
}

// Applied records that a segment was applied.
func (p *Progress) Applied() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = time.Time{}
}

// Failed records that a segment was not applied, for a reason that contains nothing secret.
func (p *Progress) Failed(reason string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		p.since = now
	}
	p.last, p.reason = now, reason
}

// forgets returns how long a failure counts without another attempt: another worker may have taken
// over the partition.
func (p *Progress) forgets() time.Duration { return max(p.Patience, 3*time.Minute) }

// Look records the backlogs of all partitions, or nil if they are unknown.
func (p *Progress) Look(backlogs map[int]Backlog, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if backlogs == nil { // the trends are unknown too, until the backlogs are known
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

// Problems returns the current problems. There are none while segments are applied.
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
