package projections_test

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// streamOf returns entries a few at a time, in a slice that it reuses. It ends with err, or
// with io.EOF.
type streamOf struct {
	entries []domain.Entry
	err     error
	atOnce  int
	slice   []domain.Entry
}

func (s *streamOf) Next() ([]domain.Entry, error) {
	n := min(max(s.atOnce, 1), len(s.entries))
	s.slice = append(s.slice[:0], s.entries[:n]...)
	s.entries = s.entries[n:]
	switch {
	case len(s.entries) > 0:
		return s.slice, nil
	case s.err != nil:
		return s.slice, s.err
	}
	return s.slice, io.EOF
}

// project folds events of a run called "run".
func project(t testing.TB, events ...domain.Event) *projections.Record {
	t.Helper()
	return projectEntries(t, laws.Entries(events))
}

func projectEntries(t rapid.TB, entries []domain.Entry) *projections.Record {
	t.Helper()
	record, err := projections.Project("run", &streamOf{entries: entries, atOnce: 3})
	require.NoError(t, err)
	return record
}

// modelRecord is the models' record of a stream.
func modelRecord(stream []domain.Entry) *projections.Record {
	return &projections.Record{
		Run:      modelRun(stream)[0],
		Labels:   rowsOf(modelLabels(stream)),
		Jobs:     rowsOf(modelJobs(stream)),
		ShEvents: rowsOf(modelShEvents(stream)),
		Timings: projections.Timings{
			Run:      modelRunTiming(stream)[0],
			Jobs:     rowsOf(modelJobTimings(stream)),
			ShEvents: rowsOf(modelShTimings(stream)),
			Slowest:  rowsOf(modelSlowest(stream)),
		},
		Diagnostics: rowsOf(modelDiagnostics(stream)),
	}
}

// rowsOf turns nil into an empty list, which a document shows as [].
func rowsOf[R any](rows []R) []R { return append([]R{}, rows...) }

// All projections in one fold give the rows that each gives alone.
func TestRecordIsTheModels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		if got, want := projectEntries(t, stream), modelRecord(stream); !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

// You can open a record while it grows. Later rows replace the open ones.
func TestRecordThatIsOpenedOften(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		record, fold := projections.NewRecord("run")
		for i := range stream {
			fold.Open()
			fold.Apply(&stream[i])
		}
		fold.Open()
		require.Equal(t, modelRecord(stream), record)
	})
}

func TestRecordOfNothing(t *testing.T) {
	got, err := json.Marshal(project(t))
	require.NoError(t, err)
	const want = `{"run":{"run_id":"run","state":"active","ended":false,"events":0,"unknown_events":0,"jobs":0,` +
		`"failed_jobs":0,"sh_events":0,"failed_sh":0,"open_sh":0},"labels":[],"jobs":[],"sh_events":[],` +
		`"timings":{"run":{"started_at_ms":null,"last_at_ms":null,"wall_ms":null,"busy_ms":0,"job_ms":0,"peak_jobs":0},` +
		`"jobs":[],"sh_events":[],"slowest":[]},"diagnostics":[]}`
	assert.Equal(t, want, string(got))
}

// If a stream fails, the entries before the error are folded, and the error is returned.
func TestDrainStopsAtAnError(t *testing.T) {
	broken := errors.New("the disk is gone")
	events := laws.Entries([]domain.Event{jobStarted(1, "a"), jobFinished(2, "a", domain.Complete), jobStarted(3, "b")})
	record, fold := projections.NewRecord("run")
	assert.ErrorIs(t, fold.Drain(&streamOf{entries: events, err: broken, atOnce: 2}), broken, "Drain")
	fold.Open()
	if record.Run.Events != 3 || len(record.Jobs) != 2 {
		t.Errorf("the entries before the error are not in the record: %+v", record)
	}
	_, err := projections.Project("run", &streamOf{err: broken})
	assert.ErrorIs(t, err, broken, "Project")
}
