package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// projector returns a projector that is closed with the test.
func projector(t *testing.T, s store.Store, decoder store.Decoder) *store.Projector {
	p := store.NewProjector(s, decoder, hasty)
	t.Cleanup(func() { p.Close(context.Background()) })
	return p
}

func firstSegment(run domain.RunID) domain.Segment {
	stream := longStream(1)
	return segmentOf(run, stream, 0, len(stream), false)
}

func TestProjectorIsClosedTwice(t *testing.T) {
	p := projector(t, memory.New(), skipping())
	for range 2 {
		require.NoError(t, p.Close(t.Context()))
	}
	for i := range 100 { // which of two ways out is taken is a matter of chance
		require.ErrorIs(t, p.Apply(t.Context(), firstSegment("a")), store.ErrClosed, "Apply %d", i)
	}
	require.ErrorIs(t, errors.Join(p.Retry(t.Context(), "a"), p.Drop(t.Context(), "a")), store.ErrClosed)
}

// Each call that waits while a projector is closed returns.
func TestProjectorIsClosedWhileUsed(t *testing.T) {
	options := hasty
	options.Grace = time.Hour // the segments wait for the one before them
	p := store.NewProjector(memory.New(), skipping(), options)
	stream := longStream(1)
	var all sync.WaitGroup
	errs := make(chan error, 100)
	for _, s := range (&trial{}).segments("a", stream)[1:] {
		all.Go(func() { errs <- p.Apply(t.Context(), s) })
	}
	require.NoError(t, p.Close(t.Context()))
	all.Wait()
	close(errs)
	for err := range errs {
		assert.ErrorIs(t, err, store.ErrClosed, "Apply")
	}
}

func TestNoSegment(t *testing.T) {
	p := projector(t, memory.New(), skipping())
	for name, s := range map[string]domain.Segment{
		"no run": {Data: []byte("\n")}, "long run": {Run: domain.RunID(longText(513, 1)), Data: []byte("\n")}, "empty": {Run: "a", Offset: 1}, "empty tail": {Run: "a", Tail: true}, "empty, of another stream": {Run: "a", SHA256: sha256.Sum256([]byte("x"))},
		"before the start": {Run: "a", Offset: -1, Data: []byte("\n")}, "behind the end": {Run: "a", Offset: 1<<63 - 1, Data: []byte("\n")},
		"half a line": {Run: "a", Data: []byte("\n{")}, "tail of lines": {Run: "a", Data: []byte("\n{"), Tail: true},
	} {
		assert.ErrorIs(t, p.Apply(t.Context(), s), store.ErrSegment, "%s: Apply", name)
	}
}

// slow is a store whose updates wait until they are let go on.
type slow struct {
	store.Store
	begun, goOn chan struct{}
}

func (s *slow) Update(ctx context.Context, do func(store.Tx) error) error {
	s.begun <- struct{}{}
	<-s.goOn
	return s.Store.Update(ctx, do)
}

// The data of a segment is the projector's until Apply returns, though the
// context of Apply has ended.
func TestDataIsNotReadBehindApply(t *testing.T) {
	s := &slow{memory.New(), make(chan struct{}), make(chan struct{})}
	p := projector(t, s, skipping())
	early := firstSegment("a")
	early.Offset, early.SHA256 = 1000, [32]byte{}
	early.Data = bytes.Clone(early.Data)
	want := bytes.Clone(early.Data)
	ctx, cancel := context.WithCancel(t.Context())
	applied := make(chan error, 1)
	go func() {
		applied <- p.Apply(ctx, early)
		clear(early.Data)
	}()
	<-s.begun
	cancel()
	select {
	case err := <-applied:
		t.Fatalf("Apply returns %v while its segment is being written", err)
	case <-time.After(pause):
	}
	s.goOn <- struct{}{}
	require.NoError(t, <-applied)
	got, ok, err := s.Parked(t.Context(), "a", early.Offset)
	if err != nil || !ok || !bytes.Equal(got.Data, want) {
		t.Fatalf("parked is %q, want %q (%v)", got.Data, want, err)
	}
}

// What waits for others that do not come can be given up.
func TestApplyIsGivenUp(t *testing.T) {
	options := hasty
	options.Grace = 3 * time.Second // Close waits for it
	s := memory.New()
	p := store.NewProjector(s, skipping(), options)
	defer p.Close(t.Context())
	early := firstSegment("a")
	early.Offset, early.SHA256 = 1000, [32]byte{}
	ctx, cancel := context.WithTimeout(t.Context(), pause/5)
	defer cancel()
	require.ErrorIs(t, p.Apply(ctx, early), context.DeadlineExceeded, "Apply")
	waiting, err := s.Waiting(t.Context())
	require.NoError(t, err, "parked although nobody waits")
	require.Empty(t, waiting, "parked although nobody waits")
}

// panicking is a decoder that panics when a segment says so.
type panicking struct{ store.Decoder }

const secret = "a secret of the stream"

func (d panicking) Decode(s *domain.Segment, reading string, lines int64, take func(*domain.Entry)) (int64, error) {
	if bytes.Contains(s.Data, []byte("panic")) {
		panic(secret)
	}
	return d.Decoder.Decode(s, reading, lines, take)
}

// A panic in reading one run is no end for the others.
func TestPanickingDecoder(t *testing.T) {
	s := memory.New()
	p := projector(t, s, panicking{skipping()})
	good, bad := firstSegment("good"), domain.Segment{Run: "bad", Data: []byte("panic\n")}
	var all sync.WaitGroup
	for _, segment := range []domain.Segment{bad, good} {
		all.Go(func() {
			assert.NoError(t, p.Apply(t.Context(), segment), "run %s", segment.Run)
		})
	}
	all.Wait()
	waiting, err := s.Waiting(t.Context())
	if err != nil || len(waiting) != 1 || waiting[0].Run != "bad" || waiting[0].Quarantine == nil || waiting[0].Segments != 1 {
		t.Fatalf("%+v, %v", waiting, err)
	}
	if strings.Contains(waiting[0].Quarantine.Reason, secret) {
		t.Errorf("the reason quotes the stream: %s", waiting[0].Quarantine.Reason)
	}
	if checkpoints, err := s.Checkpoints(t.Context(), []domain.RunID{"good"}); err != nil || len(checkpoints) != 1 {
		t.Errorf("the other run: %v, %v", checkpoints, err)
	}
}

// failing is a store that fails until it does not any more.
type failing struct {
	store.Store
	works atomic.Bool
}

func (f *failing) Update(ctx context.Context, do func(store.Tx) error) error {
	if f.works.Load() {
		return f.Store.Update(ctx, do)
	}
	return f.Store.Update(ctx, func(tx store.Tx) error { return errors.Join(do(tx), errFault) })
}

// While a store fails, whoever waits is told, and memory does not grow with
// what comes.
func TestStoreFailsForLong(t *testing.T) {
	const rounds, runs = 20, 20
	s := &failing{Store: memory.New()}
	p := projector(t, s, skipping())
	stream := bytes.Repeat(appendLine(nil, domain.Entry{Event: domain.NewShStarted(1, "a", longText(20_000, 1))}), 2)
	half := len(stream) / 2
	deliver := func(round int) (errs []error) {
		var all sync.WaitGroup
		var mu sync.Mutex
		for i := range runs {
			run := domain.RunID(fmt.Sprint(round, " ", i))
			for _, segment := range []domain.Segment{segmentOf(run, stream, half, len(stream), false), segmentOf(run, stream, 0, half, false)} {
				segment.Data = bytes.Clone(segment.Data)
				all.Go(func() {
					err := p.Apply(t.Context(), segment)
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, err)
				})
			}
		}
		all.Wait()
		return errs
	}
	before := heap()
	for round := range rounds {
		for _, err := range deliver(round) {
			require.ErrorIs(t, err, errFault, "Apply")
		}
	}
	assert.LessOrEqual(t, heap()-before, (rounds*runs*len(stream))/4)
	s.works.Store(true)
	require.NoError(t, errors.Join(deliver(0)...))
	waiting, err := s.Waiting(t.Context())
	require.NoError(t, err)
	require.Empty(t, waiting)
}

// heap returns how many bytes of the heap are in use.
func heap() int {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}
