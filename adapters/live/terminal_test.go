package live

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
)

// A terminal draws what has changed, but not more than ten times a second, and the running
// times once a second.
func TestTerminalDrawsAtItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newEmulator()
		size := func() (int, int) { return 40, 10 }
		view := fedBy(newTerminal(t.Context(), out, size, false, time.Now))
		start := time.Now().UnixMilli()
		for i := range int64(1000) { // one each millisecond
			take(view, "r", domain.NewShStarted(start+i, "a", "x"), domain.NewShFinished(start+i, "a", 0))
			time.Sleep(time.Millisecond)
		}
		if n := out.count(); n < 9 || n > 11 {
			t.Errorf("%d frames in a second", n)
		}
		take(view, "r", domain.NewJobStarted(start+1000, "b"))
		time.Sleep(drawEvery)
		before := out.count()
		time.Sleep(10 * time.Second)
		if n := out.count() - before; n < 9 || n > 11 {
			t.Errorf("%d frames in ten seconds in which nothing comes", n)
		}
		take(view, "r", domain.NewRunFinished(start+12_000, domain.Failed))
		require.NoError(t, view.Close())
		if got := out.text(); !strings.HasPrefix(got, "✗ r failed 12.0s") || !strings.HasSuffix(got, "\n") || strings.Count(got, "✗ r") != 1 {
			t.Errorf("at the end:\n%s", got)
		}
	})
}

// When the terminal becomes smaller, so does the frame.
func TestTerminalHonoursResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newEmulator()
		var width atomic.Int64
		width.Store(60)
		view := fedBy(newTerminal(t.Context(), out, func() (int, int) { return int(width.Load()), 10 }, false, func() time.Time { return time.UnixMilli(1000) }))
		take(view, "r", domain.NewJobStarted(0, "build"), domain.NewShStarted(0, "build", strings.Repeat("long ", 20)))
		time.Sleep(drawEvery)
		synctest.Wait()
		assert.Contains(t, out.text(), strings.Repeat("long ", 9), "in 60 columns")
		width.Store(20)
		time.Sleep(drawEvery)
		synctest.Wait()
		assert.Equal(t, 2, out.count())
		out.clear()
		take(view, "r", domain.NewJobStarted(0, "test"))
		require.NoError(t, view.Close())
		for _, line := range out.lines {
			assert.Less(t, len(line), 20, "%d columns: %s", len(line), string(line))
		}
	})
}

// A frame and the line of the cursor are as high as the terminal.
func TestTerminalIsNotTooLow(t *testing.T) {
	out := newEmulator()
	view := fedBy(newTerminal(t.Context(), out, func() (int, int) { return 40, 10 }, false, time.Now))
	for i := range 20 {
		take(view, "r", domain.NewJobStarted(0, string(rune('a'+i))))
	}
	require.NoError(t, view.Close())
	if lines := strings.Count(out.text(), "\n") + 1; lines != 10 {
		t.Errorf("%d lines in a terminal of 10:\n%s", lines, out.text())
	}
}

// Close reports a terminal that is gone.
func TestTerminalTellsThatWritingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out brokenPipe
		view := fedBy(newTerminal(t.Context(), &out, func() (int, int) { return 20, 5 }, false, time.Now))
		take(view, "r", domain.NewJobStarted(time.Now().UnixMilli(), "a"))
		time.Sleep(3 * time.Second) // its running time changes
		if err := view.Close(); err == nil || out.writes != 1 {
			t.Errorf("%v after %d writes", err, out.writes)
		}
	})
}
