package store_test

import (
	"context"
	"reflect"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/stretchr/testify/require"
)

// isRecordOf says in what a store differs from one fold of a stream, and what waits.
func isRecordOf(t rapid.TB, s store.Store, stream file) {
	t.Helper()
	hasRecordOf(t, s, stream)
	waiting, err := s.Waiting(context.Background(), stream.run)
	for _, w := range waiting {
		t.Errorf("run %q: %d segments wait, quarantine %+v, %v", stream.run, w.Segments, w.Quarantine, err)
	}
}

// hasRecordOf says in what the rows of a store differ from one fold of a stream.
func hasRecordOf(t rapid.TB, s store.Store, stream file) {
	t.Helper()
	source, err := stream.Open(context.Background(), domain.StartMark)
	require.NoError(t, err)
	want, err := projections.Project(stream.run, source)
	require.NoError(t, err)
	got, err := store.ReadRecord(context.Background(), s, stream.run)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("run %q: got %v\n%+v\nwant\n%+v", stream.run, err, got, want)
	}
}
