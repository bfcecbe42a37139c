package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// Each start and end of a job has a line, each command that ends with a code other than 0, and the end of the
// run; nothing else has one. Rows that come again, one by one or all at once, have no line, also after a release.
func TestLinesTellEverythingOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		var out strings.Builder
		view := newFedLines(NewQueue(context.Background(), &out, true))
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "entries")
			view.Take("r", rest[:n])
			rest = rest[n:]
			switch rapid.SampledFrom([]string{"", "", "again", "piece by piece"}).Draw(t, "then") {
			case "again":
				view.again("r", stream[:len(stream)-len(rest)])
			case "piece by piece":
				view.Release("r")
				view.live = map[domain.RunID]*projections.LiveRows{}
				for seen := stream[:len(stream)-len(rest)]; len(seen) > 0; {
					n := rapid.IntRange(1, len(seen)).Draw(t, "seen before")
					view.Take("r", seen[:n])
					seen = seen[n:]
				}
			}
		}
		require.NoError(t, view.Close())
		record, fold := projections.NewRecord("r")
		for i := range stream {
			fold.Apply(&stream[i])
		}
		fold.Open()
		want := map[string]int{}
		for _, job := range record.Jobs {
			if job.StartedAtMs.Valid {
				want["job "+shown(display.Name(job.JobID))+" started"]++
			}
			if job.State != projections.Active {
				want["job "+shown(display.Name(job.JobID))+" "+string(job.State)]++
			}
		}
		for _, sh := range record.ShEvents {
			if sh.ExitCode.Valid && sh.ExitCode.V != 0 {
				want[fmt.Sprintf("job %s command %d exit %d", shown(display.Name(sh.JobID)), sh.Seq, sh.ExitCode.V)]++
			}
		}
		if record.Run.Ended {
			want["run "+string(record.Run.State)]++
		} else if len(stream) > 0 {
			want["run not over"+map[projections.State]string{projections.Failed: "; a job has failed", projections.Complete: "; complete so far"}[record.Run.State]]++
		}
		lines := strings.Count(out.String(), "\n")
		for line, n := range want {
			lines -= n
			found := strings.Count(out.String(), "r "+line+" after ") + strings.Count(out.String(), "r "+line+": ") + strings.Count(out.String(), "r "+line+"\n")
			require.Equal(t, n, found, "%d times %q, want %d, in\n%s", found, line, n, out.String())
		}
		require.Equal(t, 0, lines, "%d lines too many:\n%s", lines, out.String())
		for _, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%U in %q", r, out.String())
			}
		}
	})
}

func TestLinesOfAFixture(t *testing.T) {
	var out strings.Builder
	view := newFedLines(NewQueue(t.Context(), &out, true))
	view.Take("cobra-failing", fixture(t, "cobra-failing.jsonl"))
	view.Trouble("cobra\x1b", "line 3:\nno JSON")
	view.begin("cobra")
	take(view, "", domain.NewJobFinished(0, "", domain.Complete))
	take(view, "17", domain.NewJobStarted(0, "a"), domain.NewRunFinished(1, domain.Failed))
	require.NoError(t, view.Close())
	compare(t, "lines.txt", out.String())
}

type brokenPipe struct{ writes int }

func (b *brokenPipe) Write([]byte) (int, error) {
	b.writes++
	return 0, errors.New("broken pipe")
}

// Close returns an error of writing, and writing is not retried.
func TestLinesTellThatWritingFails(t *testing.T) {
	var out brokenPipe
	view := newFedLines(NewQueue(t.Context(), &out, true))
	for range 3 {
		view.begin("r")
	}
	if err := view.Close(); err == nil || out.writes != 1 {
		t.Errorf("%v after %d writes", err, out.writes)
	}
}

// Lines shows a replaced stream from its beginning.
func TestLinesBeginAnew(t *testing.T) {
	var out strings.Builder
	view := newFedLines(NewQueue(t.Context(), &out, true))
	take(view, "r", domain.NewJobStarted(0, "a"))
	view.begin("r")
	take(view, "r", domain.NewJobStarted(0, "a"))
	require.NoError(t, view.Close())
	if got, want := out.String(), "r job a started\nr run is read from its beginning\nr job a started\nr run not over\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
