package display

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// The commands that failed are, of all rows, those with a code other than 0 whose job failed.
func TestFailedCommands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		record, fold := projections.NewRecord("r")
		got := 0
		counting := projections.NewFold("r", projections.Into("failed_commands", FailedCommands(), func(row *projections.Row[int]) { got = row.Value }))
		for i := range stream {
			fold.Apply(&stream[i])
			counting.Apply(&stream[i])
		}
		fold.Open()
		counting.Open()
		states := map[string]projections.State{}
		for _, job := range record.Jobs {
			states[job.JobID] = job.State
		}
		want := 0
		for _, sh := range record.ShEvents {
			if OfCommand(sh.ExitCode, states[sh.JobID]) == Failed {
				want++
			}
			if states[sh.JobID] == projections.Complete && sh.ExitCode.Valid && sh.ExitCode.V != 0 {
				require.Equal(t, Exit(sh.ExitCode.V), OfCommand(sh.ExitCode, projections.Complete).CommandWord(sh.ExitCode), "a code in a complete job")
			}
		}
		require.Equal(t, want, got)
	})
}

// No run without an end is complete.
func TestNoRunIsCompleteWithoutItsEnd(t *testing.T) {
	for _, state := range []projections.State{projections.Active, projections.Complete, projections.Failed} {
		open, ended := OfRun(&projections.Run{State: state}), OfRun(&projections.Run{State: state, Ended: true})
		if open == Complete || open.Word() == "complete" || open.Mark() == Complete.Mark() {
			t.Errorf("%s without an end is %s %s", state, open.Mark(), open.Word())
		}
		assert.Equal(t, (state == projections.Complete), (ended == Complete), "%s with an end is %s", state, ended.Word())
	}
}
