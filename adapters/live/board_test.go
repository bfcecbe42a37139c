package live

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// However a stream comes, the board says what the record says.
func TestBoardAgreesWithTheRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		record, fold := projections.NewRecord("r")
		board := newFedBoard()
		board.Take("r", stream[:rapid.IntRange(0, len(stream)).Draw(t, "forgotten")])
		board.begin("r")
		board.Take("r", nil)
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "entries")
			board.Take("r", rest[:n])
			rest = rest[n:]
			if rapid.IntRange(0, 3).Draw(t, "again") == 0 {
				board.again("r", stream[:len(stream)-len(rest)])
			}
			if rapid.Bool().Draw(t, "looked at") {
				board.Frame(80, 5, time.Now(), false)
			}
		}
		for i := range stream {
			fold.Apply(&stream[i])
		}
		fold.Open()
		agree(t, board.runs["r"], record)
	})
}

func agree(t *rapid.T, r *boardRun, record *projections.Record) {
	if r.row != record.Run || r.failedCommands() != failedCommands(record) {
		t.Fatalf("the run is %+v with %d failed commands, want %+v with %d", r.row, r.failedCommands(), record.Run, failedCommands(record))
	}
	if r.status() == complete && !record.Run.Ended {
		t.Fatalf("%+v is complete", record.Run)
	}
	exits, open := map[string]projections.ShEvent{}, map[string]projections.ShEvent{}
	for _, sh := range record.ShEvents {
		if !sh.ExitCode.Valid {
			open[sh.JobID] = sh
		} else if sh.ExitCode.V != 0 {
			exits[sh.JobID] = sh
		}
	}
	require.Equal(t, len(record.Jobs), len(r.jobs))
	for i := range r.jobs {
		got, want := &r.jobs[i], record.Jobs[i]
		require.Equal(t, want, got.Job)
		require.Equal(t, want.State, projectedState(got.status()), "job %+v, want %+v", got, want)
		_, exited := exits[want.JobID]
		require.Equal(t, r.exitOf(got) != nil, exited, "exit %v of %+v", r.exitOf(got), want)
		running := got.running()
		if sh, isOpen := open[want.JobID]; isOpen != (running != nil) || isOpen && sh.Cmd[:min(len(sh.Cmd), maxCmd)] != running.cmd {
			t.Fatalf("open %+v; want %+v", running, sh)
		}
	}
}

// failedCommands counts commands that ended with a code other than 0 in a failed job.
func failedCommands(record *projections.Record) (n int) {
	states := map[string]projections.State{}
	for _, job := range record.Jobs {
		states[job.JobID] = job.State
	}
	for _, sh := range record.ShEvents {
		if display.OfCommand(sh.ExitCode, states[sh.JobID]) == display.Failed {
			n++
		}
	}
	return n
}

func projectedState(s status) projections.State {
	switch s {
	case complete, soFar:
		return projections.Complete
	case failed:
		return projections.Failed
	}
	return projections.Active
}

// Of each job the command is kept that ended last with a code other than 0.
func TestBoardKeepsTheLatestExit(t *testing.T) {
	board := newFedBoard()
	for _, cmd := range []string{"first", "second", strings.Repeat("x", 1<<20)} {
		take(board, "r", domain.NewShStarted(0, "a", cmd), domain.NewShFinished(0, "a", 3))
	}
	got := board.runs["r"].exitOf(&job{})
	if got == nil || got.exitCode != 3 || got.cmd != strings.Repeat("x", maxCmd) {
		t.Errorf("%.50v", got)
	}
	assert.Equal(t, 1, len(board.runs["r"].exits))
	for i := range 3 * maxExits {
		id := string(rune('0' + i))
		take(board, "r", domain.NewShStarted(0, id, "y"), domain.NewShFinished(0, id, 4))
	}
	assert.Equal(t, maxExits, len(board.runs["r"].exits))
	board.begin("r")
	assert.Equal(t, 0, len(board.runs["r"].exits))
}

// A frame of few rows has the jobs that matter most, keeps few, and counts all.
func TestFrameIsSmall(t *testing.T) {
	board := newFedBoard()
	take(board, "r", domain.NewJobStarted(0, "running"))
	for i := range 5000 {
		id := string(rune(1000 + i))
		take(board, "r", domain.NewJobStarted(0, id), domain.NewJobFinished(1, id, domain.Complete))
	}
	v := runView{boardRun: board.runs["r"]}
	kinds := v.latest(10)
	if done := kinds[other]; len(kinds[0]) != 1 || len(done) > 20 || len(done) < 10 || done[len(done)-1].JobID != string(rune(5999)) {
		t.Errorf("%d and %d jobs", len(kinds[0]), len(done))
	}
	assert.Equal(t, (tally{active: 1, complete: 5000}), v.tally)
}

// A board shows trouble until the run continues or starts again.
func TestTrouble(t *testing.T) {
	board := newFedBoard()
	take(board, "r", domain.NewJobStarted(0, "build"))
	shown := func() string { return board.Frame(80, 9, time.UnixMilli(0), false) }
	for _, over := range []func(){
		func() { take(board, "r", domain.NewShStarted(0, "build", "make")) },
		func() { board.begin("r") },
	} {
		board.Trouble("r", "line 3: no \x1b JSON")
		if got := shown(); !strings.HasPrefix(got, "✗ r is skipped") || !strings.Contains(got, "\n  ! line 3: no \\x1b JSON\n") {
			t.Errorf("in trouble:\n%s", got)
		}
		over()
		if got := shown(); strings.Contains(got, "!") || strings.Contains(got, "skipped") {
			t.Errorf("the trouble is over:\n%s", got)
		}
	}
}

// A board shows the state of a waiting run, and what the run waits for, until the run continues.
func TestWaiting(t *testing.T) {
	board := newFedBoard()
	take(board, "r", domain.NewJobStarted(0, "build"))
	shown := func() string { return board.Frame(80, 9, time.UnixMilli(0), false) }
	before := shown()
	for name, over := range map[string]func(){
		"it is told":  func() { board.Waiting("r", "") },
		"it goes on":  func() { take(board, "r", domain.NewJobStarted(0, "build")) },
		"it is a new": func() { board.begin("r"); take(board, "r", domain.NewJobStarted(0, "build")) },
		"it is faulty": func() {
			board.Trouble("r", "x")
			board.begin("r")
			take(board, "r", domain.NewJobStarted(0, "build"))
		},
	} {
		board.Waiting("r", "waiting for \x1b")
		if got := shown(); !strings.HasPrefix(got, "● r running 0s   1 job (1 running)") || !strings.Contains(got, "\n  ! waiting for \\x1b\n") {
			t.Errorf("waiting:\n%s", got)
		}
		over()
		assert.Equal(t, before, shown(), name)
	}
}

// Runs can be given and looked at by many at once.
func TestBoardIsSafe(t *testing.T) {
	board := newFedBoard()
	var all sync.WaitGroup
	for _, id := range []domain.RunID{"a", "b", "c"} {
		all.Go(func() {
			for i := range int64(300) {
				take(board, id, domain.NewJobStarted(i, "j"), domain.NewShStarted(i, "j", "x"), domain.NewShFinished(i, "j", 1))
				board.Frame(40, 5, time.UnixMilli(i), false)
			}
		})
	}
	all.Wait()
	for _, run := range board.runs {
		assert.Equal(t, 300, run.row.FailedSh)
	}
}

// A run in trouble has no more room than others.
func TestTroubleTakesALine(t *testing.T) {
	board := newFedBoard()
	for i := range 9 {
		id := string(rune('a' + i))
		take(board, "r", domain.NewJobStarted(0, id), domain.NewJobFinished(1, id, domain.Failed))
	}
	board.Trouble("r", "line 3: no JSON")
	for height := 2; height < 11; height++ {
		frame := board.Frame(80, height, time.UnixMilli(0), false)
		if n := strings.Count(frame, "\n") + 1; n != height || !strings.Contains(frame, "! line 3") {
			t.Errorf("%d lines of %d:\n%s", n, height, frame)
		}
	}
}
