package jsonl_test

import (
	"errors"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

func TestAheadGivesWhatTheReaderGives(t *testing.T) {
	broken := errors.New("the disk is gone")
	lines := strings.Repeat(event+"\n"+wrong+"\n", 10_000)
	for name, src := range map[string]func() io.Reader{
		"nothing":   func() io.Reader { return strings.NewReader("") },
		"many":      func() io.Reader { return strings.NewReader(lines + event[:9]) },
		"slowly":    func() io.Reader { return iotest.OneByteReader(strings.NewReader(lines[:10_000])) },
		"malformed": func() io.Reader { return strings.NewReader(strings.Repeat(event+"\n", 3000) + "{}\n" + lines) },
		"failing":   func() io.Reader { return io.MultiReader(strings.NewReader(lines), iotest.ErrReader(broken)) },
	} {
		for _, on := range []jsonl.OnMalformed{jsonl.Skip, jsonl.Stop} {
			want := readAll(src(), jsonl.Options{OnMalformed: on})
			entries, err := drain(jsonl.NewAhead(jsonl.NewReader(src(), jsonl.Options{OnMalformed: on})))
			if !reflect.DeepEqual(entries, want.entries) || !reflect.DeepEqual(err, want.err) {
				t.Errorf("%s: got %d entries, %v; want %d, %v", name, len(entries), err, len(want.entries), want.err)
			}
		}
	}
}

// drain reads ahead to its end, which has to stay the end; nil is io.EOF. It lets
// the reading get ahead before it looks at a batch, which must not change.
func drain(ahead *jsonl.Ahead) (entries []domain.Entry, err error) {
	defer ahead.Close()
	for {
		batch, err := ahead.Next()
		runtime.Gosched()
		entries = append(entries, batch...)
		if err == nil && len(batch) > 0 {
			continue
		}
		if _, again := ahead.Next(); again != err || len(batch) > 0 {
			panic("the end did not stay the end")
		}
		if err == io.EOF {
			err = nil
		}
		return entries, err
	}
}

// Closing ends the goroutine in every state: with batches that nobody takes, at
// the end, and before it has begun.
func TestAheadLeaksNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for i := range 50 {
		ahead := jsonl.NewAhead(jsonl.NewReader(strings.NewReader(strings.Repeat(event+"\n", 20_000)), jsonl.Options{}))
		for range i % 3 {
			_, err := ahead.Next()
			require.NoError(t, err)
		}
		ahead.Close()
		ahead.Close() // once more does no harm
	}
	require.True(t, waittest.Until(func() bool { return runtime.NumGoroutine() <= before }), "%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// Close ends a Next that waits for a live stream.
func TestAheadCloseWakesNext(t *testing.T) {
	out, in := io.Pipe()
	defer in.Close()
	ahead := jsonl.NewAhead(jsonl.NewReader(out, jsonl.Options{}))
	woken := make(chan error)
	go func() {
		_, err := ahead.Next()
		woken <- err
	}()
	time.Sleep(time.Millisecond)
	ahead.Close()
	assert.ErrorIs(t, <-woken, os.ErrClosed)
	_, err := ahead.Next()
	assert.ErrorIs(t, err, os.ErrClosed)
}
