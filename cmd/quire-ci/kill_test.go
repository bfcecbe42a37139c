package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// However a run is killed, what its stream says has happened: its whole lines are the
// beginning of what they would have been, and the logs are there.
func TestKill(t *testing.T) {
	var pipeline strings.Builder
	var want []domain.Event
	pipeline.WriteString("jobs:\n")
	for job := range 20 {
		id := fmt.Sprint("job", job)
		fmt.Fprintf(&pipeline, "- id: %s\n  sh:\n", id)
		want = append(want, domain.NewJobStarted(0, id))
		for sh := range 20 {
			cmd := fmt.Sprintf("echo %d # %s", sh, strings.Repeat("x", 100))
			fmt.Fprintf(&pipeline, "  - '%s'\n", cmd)
			want = append(want, domain.NewShStarted(0, id, cmd), domain.NewShFinished(0, id, 0))
		}
		want = append(want, domain.NewJobFinished(0, id, domain.Complete))
	}
	want = append(want, domain.NewRunFinished(0, domain.Complete))
	for range 8 {
		after := time.Duration(rand.IntN(500)) * time.Millisecond
		t.Run(after.String(), func(t *testing.T) {
			s := start(t, pipeline.String(), "--out-dir", "out")
			s.await("events.jsonl")
			time.Sleep(after)
			_ = s.cmd.Process.Kill() // it may have ended
			<-s.ended
			checkKilled(t, s, want)
		})
	}
}

func checkKilled(t *testing.T, s *started, want []domain.Event) {
	got := recorded(t, s.path("events.jsonl"))
	require.LessOrEqual(t, len(got), len(want), "recorded")
	require.Equal(t, want[:len(got)], got, "recorded")
	t.Logf("%d of %d events", len(got), len(want))
	record := record(t, s.path("events.jsonl"))
	for _, diagnostic := range record.Diagnostics {
		assert.Equal(t, projections.TornTail, diagnostic.Code, "odd: %+v", diagnostic)
	}
	for _, sh := range record.ShEvents {
		if !sh.ExitCode.Valid {
			continue // its log may not be there yet
		}
		log, err := os.ReadFile(s.path(filepath.Join("out", "jobs", sh.JobID, fmt.Sprintf("sh-%d.log", sh.Seq))))
		if err != nil || !strings.HasSuffix(string(log), fmt.Sprintf(" stdout F %d\n", sh.Seq-1)) {
			t.Errorf("the log of command %d, which has finished, has %q (%v)", sh.Seq, log, err)
		}
	}
}
