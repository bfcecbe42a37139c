package display

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// fit returns printable text of the reported width, which fits the room, and the whole text if there is
// room for it.
func TestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(laws.Text(), rapid.StringOf(rapid.RuneFrom([]rune("ae\u0301\u0302日ｱ❤\ufe0f\u200d\u202e\u1160가\u20dd\x9b😀🇩🇪")))).Draw(t, "text")
		columns := rapid.IntRange(0, 40).Draw(t, "columns")
		got, width := Fit(s, columns)
		if w := columnsOf(got); w != width || width > columns || text.StringWidth(got) > width {
			t.Fatalf("%q is %d columns wide, not %d; there are %d", got, w, width, columns)
		}
		marks := 0
		for _, r := range got {
			if marks++; !unicode.IsMark(r) {
				marks = 0
			}
			if !unicode.IsPrint(r) || marks > maxMarks {
				t.Fatalf("%U in %q", r, got)
			}
		}
		whole, wide := Fit(s, 1<<20)
		if wide <= columns && got != whole {
			t.Fatalf("%q in %d columns is %q", whole, columns, got)
		}
		if wide > columns && columns > 0 && !(strings.HasSuffix(got, ellipsis) && strings.HasPrefix(whole, strings.TrimSuffix(got, ellipsis))) {
			t.Fatalf("%q is cut to %q", whole, got)
		}
	})
}

// columnsOf adds up the widths of characters.
func columnsOf(s string) (columns int) {
	for _, r := range s {
		columns += text.RuneWidth(r)
	}
	return columns
}

func TestFitExamples(t *testing.T) {
	for _, example := range []struct {
		text    string
		columns int
		want    string
	}{
		{"go test ./...", 20, "go test ./..."},
		{"go test ./...", 7, "go tes…"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"\x1b[2J", 20, `\x1b[2J`},
		{"a\tb\nc", 20, `a\tb\nc`},
		{"\x1b", 3, "…"}, // an escape is not cut
		{"ab\u202ecd", 20, `ab\u202ecd`},
		{"e\u0301", 20, "e\u0301"},
		{"e\u0301\u0301\u0301", 20, "e\u0301\u0301" + `\u0301`},
		{"\u0301", 20, `\u0301`},
		{"a\x1b\u0301", 20, `a\x1b\u0301`},
		{"हिन्दी", 20, "हिन्दी"},
		{"\xff", 20, "\uFFFD"},
		{"abc", 0, ""},
	} {
		if got, _ := Fit(example.text, example.columns); got != example.want {
			t.Errorf("%q in %d columns is %q, want %q", example.text, example.columns, got, example.want)
		}
	}
}

// The present is one of two times. Ours counts only if it can be the producer's.
func TestPresent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last, now := laws.AtMs().Draw(t, "last"), laws.AtMs().Draw(t, "now")
		at, heard := Present(last, time.UnixMilli(now))
		require.True(t, at == last || at == now && now > last && uint64(now)-uint64(last) <= uint64(maxQuiet.Milliseconds()), "%d", at)
		require.True(t, heard || at == last && now > last)
	})
	day := maxQuiet.Milliseconds()
	for _, example := range []struct {
		last, now, want int64
		heard           bool
	}{
		{2000, 5000, 5000, true}, // it goes on
		{2000, 1500, 2000, true}, // the producer's clock is ahead
		{2000, 2000 + day, 2000 + day, true},
		{2000, 2001 + day, 2000, false},          // its writer has died, or it was recorded long ago
		{math.MinInt64, 0, math.MinInt64, false}, // not what an int64 holds
		{math.MaxInt64, 0, math.MaxInt64, true},
	} {
		at, heard := Present(example.last, time.UnixMilli(example.now))
		assert.Equal(t, example.want, at, "%+v", example)
		assert.Equal(t, example.heard, heard, "%+v", example)
	}
}

// Failed commands are those with a code other than 0 whose job failed.
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
