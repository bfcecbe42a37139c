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

// streamOf gives entries a few at a time, from a slice that it uses again, and
// fails in the end unless err is nil.
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

// modelRecord is the record of a stream as the models have it.
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

// rowsOf makes no rows an empty list, which a document shows as [].
func rowsOf[R any](rows []R) []R { return append([]R{}, rows...) }

// All projections in one fold give what each gives by itself.
func TestRecordIsTheModels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		if got, want := projectEntries(t, stream), modelRecord(stream); !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

// A record can be looked at while it grows; what has been looked at is put
// right by what comes later.
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

// Every sh that started has one row, and the two projections of sh tell of
// the same ones.
func TestOneRowForEachSh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		record := projectEntries(t, stream)
		var started []domain.Event
		for _, e := range eventsOf(stream) {
			if e.Kind == domain.ShStarted {
				started = append(started, e)
			}
		}
		if len(record.ShEvents) != len(started) || len(record.Timings.ShEvents) != len(started) || record.Run.ShEvents != len(started) {
			t.Fatalf("%d sh started; sh_events has %d rows, timings.sh_events %d, and run counts %d",
				len(started), len(record.ShEvents), len(record.Timings.ShEvents), record.Run.ShEvents)
		}
		seq := map[string]int{}
		for i, e := range started {
			seq[e.JobID]++
			row, timing := record.ShEvents[i], record.Timings.ShEvents[i]
			if row.JobID != e.JobID || row.Seq != seq[e.JobID] || row.Cmd != e.Cmd || row.StartedAtMs != e.AtMs {
				t.Errorf("sh %d: %+v is not the row of %+v, number %d of its job", i, row, e, seq[e.JobID])
			}
			if timing.JobID != row.JobID || timing.Seq != row.Seq {
				t.Errorf("sh %d: %+v is the timing of another than %+v", i, timing, row)
			}
		}
	})
}

// What was read before a stream failed has been folded; the error is the
// stream's own.
func TestDrainStopsAtAnError(t *testing.T) {
	broken := errors.New("the disk is gone")
	events := laws.Entries([]domain.Event{jobStarted(1, "a"), jobFinished(2, "a", domain.Complete), jobStarted(3, "b")})
	record, fold := projections.NewRecord("run")
	assert.ErrorIs(t, fold.Drain(&streamOf{entries: events, err: broken, atOnce: 2}), broken, "Drain")
	fold.Open()
	if record.Run.Events != 3 || len(record.Jobs) != 2 {
		t.Errorf("what was read before the error is not in the record: %+v", record)
	}
	_, err := projections.Project("run", &streamOf{err: broken})
	assert.ErrorIs(t, err, broken, "Project")
}
