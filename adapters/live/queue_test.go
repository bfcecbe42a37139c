package live

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
)

// reader reads the output when the test permits it.
type reader struct {
	reads chan struct{} // closed when it is
	text  strings.Builder
}

func newReader() *reader { return &reader{reads: make(chan struct{})} }

func (r *reader) Write(p []byte) (int, error) {
	<-r.reads
	return r.text.Write(p)
}

// manyLines is more than a queue keeps.
const manyLines = 4 * maxQueued / 10_000

var longLine = []byte(strings.Repeat("x", 9_999) + "\n")

// A reader that pauses does not hold up writers, and the number of dropped lines is exact.
func TestQueueLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newReader()
		q := NewQueue(t.Context(), out, false)
		for range manyLines {
			_, err := q.Write(longLine)
			require.NoError(t, err)
		}
		close(out.reads)
		synctest.Wait()
		fmt.Fprintln(q, "later")
		require.NoError(t, q.Close())
		told := regexp.MustCompile(`\n\((\d+) lines left out here, since nobody was reading\)\nlater\n$`).FindStringSubmatch(out.text.String())
		require.NotNil(t, told, "at the end: %q", out.text.String()[max(0, out.text.Len()-200):])
		left, _ := strconv.Atoi(told[1])
		if kept := strings.Count(out.text.String(), string(longLine)); kept+left != manyLines || kept*len(longLine) < maxQueued {
			t.Errorf("%d lines are kept, and %d left out, of %d", kept, left, manyLines)
		}
	})
}

// A queue that waits leaves nothing out, until all is to end.
func TestQueueWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newReader()
		q := NewQueue(t.Context(), out, true)
		written := false
		go func() {
			for range manyLines {
				_, _ = q.Write(longLine)
			}
			written = true
			_ = q.Close()
		}()
		synctest.Wait()
		assert.False(t, written, "it does not wait")
		close(out.reads)
		<-q.done
		assert.Equal(t, manyLines*len(longLine), out.text.Len())
	})
}

// A writer stops waiting for room when the context is done.
func TestQueueWaitsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		out := newReader()
		q := NewQueue(ctx, out, true)
		time.AfterFunc(time.Hour, cancel)
		for range manyLines {
			_, _ = q.Write(longLine)
		}
		assert.ErrorIs(t, q.Close(), ErrUnread, "it ends")
		close(out.reads)
	})
}

// When the context is done, Close does not wait for a reader that has stopped, for any kind of view.
func TestEndsThoughNobodyReads(t *testing.T) {
	size := func() (int, int) { return 40, 10 }
	for name, open := range map[string]func(context.Context, *reader) View{
		"lines":              func(ctx context.Context, out *reader) View { return Open(ctx, out, Options{}) },
		"a stopped terminal": func(ctx context.Context, out *reader) View { return newTerminal(ctx, out, size, false, time.Now) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				out := newReader()
				view := open(ctx, out)
				time.AfterFunc(time.Minute, cancel)
				take(feedOf(view), "r", domain.NewRunFinished(0, domain.Failed))
				assert.ErrorIs(t, view.Close(), ErrUnread, "it ends")
				close(out.reads)
			})
		})
	}
}

// A slow reader receives all lines as long as the context is not done.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newReader()
		view := Open(t.Context(), out, Options{})
		take(feedOf(view), "r", domain.NewRunFinished(0, domain.Failed))
		time.AfterFunc(time.Hour, func() { close(out.reads) })
		if err := view.Close(); err != nil || out.text.String() != "r run failed after 0ms\n" {
			t.Errorf("it ends with %q, %v", out.text.String(), err)
		}
	})
}
