package projections_test

import (
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Applying an event of a known job allocates nothing, even if it makes rows final. (The
// copies of long-running commands, once in thousands of events, are 0 on average.)
func TestApplyAllocatesNothing(t *testing.T) {
	rows := 0
	fold := projections.NewFold("run", countingMembers(&rows)...)
	for _, entry := range ring(10, 10, 5000)[:50_000] {
		fold.Apply(&entry)
	}
	for name, stream := range map[string][]domain.Entry{
		"sh in turn":    {{Event: shStarted(1, "job-1", "x")}, {Event: shFinished(2, "job-1", 0)}},
		"sh overlap":    {{Event: shStarted(1, "job-1", "x")}, {Event: shStarted(2, "job-2", "x")}, {Event: shFinished(3, "job-1", 0)}, {Event: shFinished(4, "job-2", 1)}},
		"slower ones":   {{Event: shStarted(0, "job-3", "x")}, {Event: shFinished(1<<40, "job-3", 0)}},
		"odd ones":      {{Event: jobStarted(9, "job-4")}, {Event: shFinished(1, "job-4", 0)}, {Event: unknown(0)}},
		"without event": {{Fault: domain.Malformed}},
	} {
		if got := testing.AllocsPerRun(2000, func() {
			for i := range stream {
				fold.Apply(&stream[i])
			}
		}); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
	assert.NotEqual(t, 0, rows, "there were no rows")
}

// Memory depends on the number of jobs and open commands: after a million events of ten
// jobs, a fold is as large as after ten thousand, and has allocated little.
func TestMemoryFollowsWhatIsOpen(t *testing.T) {
	const jobs, atOnce = 10, 10
	rows := 0
	fold := projections.NewFold("run", countingMembers(&rows)...)
	stream := ring(jobs, atOnce, 500)
	stream = stream[atOnce : len(stream)-atOnce] // sh only: 10,000 events
	pass := func(times int) {
		for range times {
			for i := range stream {
				fold.Apply(&stream[i])
			}
		}
	}
	size := func() int {
		state, err := fold.Save()
		require.NoError(t, err)
		return len(state)
	}

	pass(1)
	before, allocated := size(), allocatedBytes()
	pass(100)
	allocated = allocatedBytes() - allocated
	// The numbers in the state have more digits now, but there are no more numbers.
	assert.LessOrEqual(t, size(), before+256, "the state has grown from %d", before)
	assert.LessOrEqual(t, allocated, uint64(256<<10), "a million events allocated")
}

// A fold keeps the texts of open commands, and releases them when they close.
func TestMemoryOfOpenSh(t *testing.T) {
	const open, size = 64, 1 << 20
	fold := projections.NewFold("run", countingMembers(new(int))...)
	before := heapBytes()
	for range open {
		fold.Apply(&domain.Entry{Event: shStarted(1, "a", strings.Repeat("#", size))})
	}
	if held := heapBytes() - before; held < open*size {
		t.Fatalf("%d commands of %d bytes are open and %d bytes held: this test measures nothing", open, size, held)
	}
	for range open {
		fold.Apply(&domain.Entry{Event: shFinished(1, "a", 0)})
	}
	// The buffer of the latest rows still has some of them.
	if held := heapBytes() - before; held > open*size/4 {
		t.Errorf("%d bytes are held after %d commands of %d bytes were closed", held, open, size)
	}
	runtime.KeepAlive(fold)
}

// The text of a command is part of the reader's buffer. If the command runs for long, its
// text is copied, so that it does not keep the buffer alive; so is the next one in its place.
func TestOpenShDoNotKeepWhatWasRead(t *testing.T) {
	const open, size = 16, 1 << 20
	fold := projections.NewFold("run", countingMembers(new(int))...)
	before := heapBytes()
	for round := range 2 {
		for range open {
			read := strings.Repeat("#", size)
			fold.Apply(&domain.Entry{Event: domain.Event{Kind: domain.ShStarted, HasJob: true, JobID: "a", Cmd: read[:10]}})
		}
		for range 10_000 {
			fold.Apply(&domain.Entry{Event: unknown(1)})
		}
		if held := heapBytes() - before; held > open*size/4 {
			t.Errorf("round %d: %d bytes are held by %d commands of 10 bytes", round, held, open)
		}
		for range open {
			fold.Apply(&domain.Entry{Event: shFinished(1, "a", 0)})
		}
	}
	runtime.KeepAlive(fold)
}

// An open command takes at most three times its text and 200 bytes, listed or not, however
// large the buffer is that its text was read into.
func TestMemoryOfEachOpenSh(t *testing.T) {
	const open = 100_000
	for _, size := range []int{1, 40, 1000} {
		fold := projections.NewFold("run", countingMembers(new(int))...)
		before := heapBytes()
		for i := range open {
			read := strings.Repeat("#", 4*size) // as from a chunk with other texts
			fold.Apply(&domain.Entry{Event: domain.Event{Kind: domain.ShStarted, HasJob: true, JobID: "a", Cmd: read[:size], AtMs: int64(i)}})
		}
		fold.Open()
		fold.Detach()
		if held, limit := heapBytes()-before, int64(open*(3*size+200)); held > limit {
			t.Errorf("%d commands of %d bytes: %d bytes are held, more than %d", open, size, held, limit)
		}
		runtime.KeepAlive(fold)
	}
}

// A job's id is part of the reader's buffer, too. It is copied, even if only a diagnostic
// has it.
func TestJobIDsDoNotKeepWhatWasRead(t *testing.T) {
	const jobs, size = 16, 1 << 20
	var kept []projections.Diagnostic
	fold := projections.NewFold("run", projections.Diagnostics.Into(func(row *projections.Row[projections.Diagnostic]) {
		kept = append(kept, row.Value)
	}))
	before := heapBytes()
	for i := range jobs {
		read := strings.Repeat(string(rune('a'+i)), size)
		fold.Apply(&domain.Entry{Event: domain.Event{Kind: domain.JobStarted, HasJob: true, JobID: read[:10]}})
		read = strings.Repeat(string(rune('A'+i)), size)
		fold.Apply(&domain.Entry{Event: domain.Event{Kind: domain.Unknown, HasJob: true, JobID: read[:10]}})
	}
	if held := heapBytes() - before; held > jobs*size/4 {
		t.Errorf("%d bytes are held by %d ids of 10 bytes", held, 2*jobs)
	}
	runtime.KeepAlive(fold)
	runtime.KeepAlive(kept)
}

func allocatedBytes() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// heapBytes returns the size of all reachable objects.
func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// countingMembers returns projections whose rows are counted and not kept.
func countingMembers(rows *int) []projections.Member {
	return []projections.Member{
		counting(projections.Runs, rows),
		counting(projections.Jobs, rows),
		counting(projections.ShEvents, rows),
		counting(projections.RunTimings, rows),
		counting(projections.JobTimings, rows),
		counting(projections.ShTimings, rows),
		counting(projections.Slowest, rows),
		counting(projections.Diagnostics, rows),
	}
}

func counting[R comparable](of *projections.Defined[R], rows *int) projections.Member {
	return of.Into(func(*projections.Row[R]) { *rows++ })
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
