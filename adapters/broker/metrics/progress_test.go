package metrics_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
)

// Continuing work is no problem; stalled work is one when Patience has passed, with the reason.
func TestProgress(t *testing.T) {
	type look struct {
		after   time.Duration
		waiting int64
		pending int64
		done    uint64
	}
	for name, c := range map[string]struct {
		looks []look
		want  string
	}{
		"nothing to do":                        {[]look{{0, 0, 0, 1}, {time.Hour, 0, 0, 1}}, ""},
		"nothing is applied":                   {[]look{{0, 5, 5, 1}, {59 * time.Second, 5, 5, 1}, {2 * time.Second, 5, 5, 1}}, `^partition 3: messages wait \(5\), and none was applied for 1m1s$`},
		"not for long":                         {[]look{{0, 5, 5, 1}, {60 * time.Second, 5, 5, 1}}, ""},
		"all comes again":                      {[]look{{0, 5, 0, 1}, {61 * time.Second, 6, 0, 1}}, "none was applied for 1m1s"},
		"always one at hand":                   {[]look{{0, 1, 0, 1}, {50 * time.Second, 1, 0, 2}, {50 * time.Second, 2, 0, 3}, {50 * time.Second, 2, 0, 4}}, ""},
		"one that is stuck while others go on": {[]look{{0, 9, 0, 1}, {50 * time.Second, 8, 0, 1}, {50 * time.Second, 9, 0, 1}, {50 * time.Second, 8, 0, 1}}, ""},
		"it only grows":                        {[]look{{0, 9, 1, 1}, {50 * time.Second, 20, 10, 2}, {50 * time.Second, 30, 20, 3}}, `the backlog has only grown for 1m40s, from 1 to 20 messages`},
		"it grew once":                         {[]look{{0, 9, 1, 1}, {50 * time.Second, 30, 20, 2}, {50 * time.Second, 29, 19, 3}}, ""},
		"it is steady":                         {[]look{{0, 9, 5, 1}, {50 * time.Second, 9, 5, 2}, {50 * time.Second, 9, 5, 3}}, ""},
		"after that":                           {[]look{{0, 5, 5, 1}, {2 * time.Minute, 5, 5, 1}, {0, 4, 4, 2}}, ""},
	} {
		p, now := metrics.Progress{Patience: time.Minute}, time.Unix(1, 0)
		for _, l := range c.looks {
			now = now.Add(l.after)
			p.Look(map[int]metrics.Backlog{3: {Waiting: l.waiting, Pending: l.pending, Done: l.done}, 4: {}}, now)
		}
		switch got := p.Problems(now); {
		case c.want == "" && len(got) > 0, c.want != "" && (len(got) != 1 || !regexp.MustCompile(c.want).MatchString(got[0])):
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Failed attempts are a problem while none succeeds, as long as they continue in this process and
// messages wait.
func TestProgressOfTries(t *testing.T) {
	now := time.Unix(1, 0)
	later := func(d time.Duration) time.Time { now = now.Add(d); return now }
	p := metrics.Progress{Patience: time.Minute}
	problems := func() int { return len(p.Problems(now)) }
	p.Failed("the store: full", now)
	p.Failed("the store: full", later(61*time.Second))
	if got := p.Problems(now); len(got) != 1 || got[0] != "the worker: nothing could be applied for 1m1s; the store: full" {
		t.Error(got)
	}
	p.Applied()
	assert.Equal(t, 0, problems(), "it is a problem though something was applied")
	p.Failed("x", now)
	p.Failed("x", later(2*time.Minute))
	p.Look(map[int]metrics.Backlog{0: {}}, now)
	assert.Equal(t, 0, problems(), "it is a problem though nothing waits")
	p.Failed("x", now)
	p.Failed("x", later(2*time.Minute))
	if later(10 * time.Minute); problems() != 0 {
		t.Error("it is a problem though it is not tried here any more")
	}
}

// Work has no problem if something is applied at least once in Patience and no backlog grows steadily.
func TestProgressLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, now := metrics.Progress{Patience: time.Minute}, time.Unix(1, 0)
		b := metrics.Backlog{}
		for i := range rapid.IntRange(1, 50).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			switch {
			case i%2 == 0:
				b.Waiting += rapid.Int64Range(0, 10).Draw(t, "more")
			case b.Waiting > 0:
				b.Waiting--
				b.Done++
				p.Applied()
			}
			if rapid.Bool().Draw(t, "fails") {
				p.Failed("x", now)
			}
			p.Look(map[int]metrics.Backlog{0: b}, now)
			if got := p.Problems(now); len(got) > 0 && b.Waiting > 0 && i%2 == 1 {
				t.Fatalf("step %d: %q", i, got)
			}
		}
	})
}
