package live

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
)

var update = flag.Bool("update", false, "write the examples in testdata")

// compare holds a text to an example that people can look at.
func compare(t *testing.T, path, got string) {
	t.Helper()
	path = filepath.Join("testdata", path)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, got, string(want), "%s is another one with -update", path)
}

// Frames after a given number of lines of a recorded stream, some time after the last line.
func TestFrames(t *testing.T) {
	for _, example := range []struct {
		name, fixture string
		lines         int
		after         time.Duration
		width, height int
	}{
		{"begins", "rapid-ci.jsonl", 2, 3 * time.Second, 80, 24},
		{"a-job-runs", "rapid-ci.jsonl", 18, 1500 * time.Millisecond, 80, 24},
		{"narrow-and-low", "rapid-ci.jsonl", 18, 1500 * time.Millisecond, 40, 5},
		{"jobs-at-once", "parallel-jobs.jsonl", 9, 0, 80, 24},
		{"failed", "cobra-failing.jsonl", 99, time.Minute, 80, 24},
		{"crashed", "crashed-torn.jsonl", 99, 6 * time.Hour, 80, 24},
		{"recorded-long-ago", "crashed-torn.jsonl", 99, 400 * 24 * time.Hour, 80, 24},
		{"ended", "own-pipeline.jsonl", 99, time.Minute, 80, 24},
		{"complete-so-far", "rapid-ci.jsonl", 99, time.Minute, 80, 24},
		{"many-jobs", "burst-same-ms.jsonl", 500, time.Second, 80, 12},
	} {
		t.Run(example.name, func(t *testing.T) {
			entries := fixture(t, example.fixture)
			entries = entries[:min(example.lines, len(entries))]
			board := newFedBoard()
			board.Take(domain.RunIDOf(example.fixture), entries)
			now := time.UnixMilli(lastTime(entries)).Add(example.after)
			compare(t, example.name+".txt", board.Frame(example.width, example.height, now, false)+"\n")
		})
	}
}

// lastTime is that of the last event.
func lastTime(entries []domain.Entry) (at int64) {
	for _, entry := range entries {
		if entry.Fault == domain.Sound {
			at = entry.AtMs
		}
	}
	return at
}

// A folder of runs, some of them active.
func TestFrameOfAFolder(t *testing.T) {
	board := folder()
	for _, height := range []int{6, 12, 20} {
		frame := board.Frame(80, height, time.UnixMilli(200_000), false)
		compare(t, fmt.Sprintf("folder-%d.txt", height), frame+"\n")
	}
	frame := board.Frame(80, 12, time.UnixMilli(200_000), true)
	compare(t, "folder-colors.txt", strings.ReplaceAll(frame, "\x1b", "ESC")+"\n")
}

func folder() fedBoard {
	board := newFedBoard()
	for i := range 10 {
		id, at := domain.RunID(fmt.Sprintf("run-%02d", i)), int64(i*10_000)
		take(board, id,
			domain.NewJobStarted(at, "fetch"), domain.NewJobFinished(at+700, "fetch", domain.Complete),
			domain.NewJobStarted(at+700, "build"), domain.NewShStarted(at+700, "build", "go build ./..."))
		switch {
		case i == 4:
			take(board, id, domain.NewShFinished(at+900, "build", 2), domain.NewJobFinished(at+901, "build", domain.Failed), domain.NewRunFinished(at+901, domain.Failed))
		case i < 8:
			take(board, id, domain.NewShFinished(at+900, "build", 0), domain.NewJobFinished(at+901, "build", domain.Complete), domain.NewRunFinished(at+901, domain.Complete))
		}
	}
	take(board, "run-09", domain.NewShFinished(199_000, "build", 0), domain.NewJobFinished(199_000, "build", domain.Complete),
		domain.NewJobStarted(199_000, "unit tests"), domain.NewShStarted(199_000, "unit tests", "go test\t-race ./...\n\x1b[2J"),
		domain.NewJobStarted(199_500, "日本語"), domain.NewShStarted(199_500, "日本語", "echo こんにちは"))
	board.Trouble("run-02", "line 7: is no JSON object")
	return board
}

// Runs with all that is not usual.
func TestFrameOfWhatIsOdd(t *testing.T) {
	board := newFedBoard()
	take(board, "not-begun")
	board.begin("not-begun")
	take(board, domain.RunID("a-run-with-"+strings.Repeat("a-very-", 10)+"long-id"),
		domain.NewUnknown(100_000, "job_queued", "").InJob("is no job yet"), domain.NewShFinished(100_000, "waits", 0),
		domain.NewShStarted(100_000, "does not start", "make"),
		domain.NewJobStarted(100_000, "a job that has "+strings.Repeat("a very ", 10)+"long name"),
		domain.NewJobStarted(100_000, "overlaps"), domain.NewShStarted(100_000, "overlaps", "one"), domain.NewShStarted(100_000, "overlaps", "two"),
		domain.NewJobFinished(100_000, "was never started", domain.Complete),
		domain.NewShStarted(100_000, "leaves one open", "sleep 100"), domain.NewJobFinished(100_001, "leaves one open", domain.Complete))
	take(board, "ended-early", domain.NewJobStarted(90_000, "unfinished"), domain.NewShStarted(90_000, "unfinished", "make"),
		domain.NewJobStarted(90_000, "went well"), domain.NewJobFinished(90_500, "went well", domain.Complete),
		domain.NewJobStarted(90_500, "bore a failure"), domain.NewShStarted(90_500, "bore a failure", "false"), domain.NewShFinished(90_600, "bore a failure", 1),
		domain.NewJobFinished(90_700, "bore a failure", domain.Complete), domain.NewRunFinished(91_000, domain.Failed))
	take(board, "17", domain.NewJobStarted(80_000, "a"), domain.NewShStarted(80_000, "a", "false"), domain.NewShFinished(80_500, "a", 7),
		domain.NewJobFinished(81_000, "a", domain.Failed), domain.NewRunFinished(81_000, domain.Failed))
	for _, size := range []struct{ width, height int }{{80, 30}, {40, 10}} {
		frame := board.Frame(size.width, size.height, time.UnixMilli(101_000), false)
		compare(t, fmt.Sprintf("odd-%d.txt", size.width), frame+"\n")
	}
}

// If more jobs are active than fit, failed jobs are still shown.
func TestFrameOfMoreThanThereIsRoomFor(t *testing.T) {
	board := newFedBoard()
	take := func(event domain.Event) {
		board.Take("run", []domain.Entry{{Event: event}})
	}
	for i := range 30 {
		job := fmt.Sprintf("job-%02d", i)
		take(domain.NewJobStarted(int64(i), job))
		take(domain.NewShStarted(int64(i), job, "make "+job))
		if i%10 == 3 {
			take(domain.NewShFinished(1000, job, 2))
			take(domain.NewJobFinished(1000, job, domain.Failed))
		}
	}
	compare(t, "no-room.txt", board.Frame(60, 12, time.UnixMilli(3000), false)+"\n")
}
