package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// The rows in a store are those of the streams, and no run waits, although two workers share the runs,
// messages come in another order, are handled twice, fail or panic, and partitions are added.
func TestRowsAreThoseOfTheStreams(t *testing.T) {
	b := memoryBroker(t)
	rows := memory.New()
	const partitions = 3
	var topics [2]growing // each worker has its own here
	for worker := range topics {
		topics[worker].name = fmt.Sprint("worker", worker)
		topics[worker].partitions.Store(1)
		projector := store.NewProjector(rows, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{Source: func(domain.RunID) string { return "a test" }, Grace: time.Millisecond, GapTimeout: time.Hour})
		t.Cleanup(func() {
			assert.NoError(t, projector.Close(context.Background()))
		})
		router := newRouter(t, shuffling{b}, b, broker.FixedTopics(topics[worker].name, partitions), projector, hurried)
		router.AddMiddleware(middleware.Duplicator, middleware.RandomFail(0.1), middleware.RandomPanic(0.1))
		start(t, router)
	}

	folder := t.TempDir()
	var sending sync.WaitGroup
	for i := range 10 {
		run := domain.RunID(fmt.Sprint("run-", i))
		stream := longStream(t, 4000)
		if i%3 == 0 {
			stream = append(stream, `{"at_ms":1,"type":"run_finished","outcome":"succeeded"}`...) // without a line feed
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, string(run)+".jsonl"), stream, 0o600))
		publisher := broker.NewPublisher(b, &topics[i%2], broker.PublishOptions{SegmentBytes: 300 + 50*i, Window: 3})
		sending.Go(func() {
			if i%4 < 2 {
				_, err := publisher.PublishStream(t.Context(), run, bytes.NewReader(stream))
				assert.NoError(t, err)
				return
			}
			for segment, err := range broker.Cut(bytes.NewReader(stream), run, 120) { // like a growing stream
				assert.NoError(t, err)
				_, err = publisher.Publish(t.Context(), segment)
				assert.NoError(t, err)
			}
		})
	}
	time.Sleep(2 * time.Millisecond)
	for worker := range topics {
		topics[worker].partitions.Store(partitions)
	}
	sending.Wait()
	waitForRows(t, rows, folder)
}

// waitForRows waits until the rows of a store are those of the streams in a folder.
func waitForRows(t *testing.T, s store.Store, folder string) {
	t.Helper()
	var wrong []string
	same := func() bool {
		wrong = nil
		found := func(d store.Difference) { wrong = append(wrong, fmt.Sprintf("%+v", d)) }
		require.NoError(t, store.Verify(t.Context(), s, jsonl.Folder(folder), store.VerifyOptions{Found: found}))
		waiting, err := s.Waiting(t.Context())
		require.NoError(t, err)
		for _, w := range waiting {
			wrong = append(wrong, fmt.Sprintf("waiting: %+v, %+v", w, w.Quarantine))
		}
		return len(wrong) == 0
	}
	require.True(t, waittest.Until(same), "%d differences, the first is %s", len(wrong), wrong)
}
