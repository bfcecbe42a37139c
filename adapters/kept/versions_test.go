package kept_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/kept"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// count is a projection of two versions with different columns.
type count[N comparable] struct {
	JobID string `json:"job_id"`
	Shs   N      `json:"shs"`
}

type counts[N comparable] struct{ of func(int) N }

func (c *counts[N]) Reduce(_ *projections.Step, rows []projections.Row[count[N]]) []projections.Row[count[N]] {
	return rows
}

func (c *counts[N]) Open(run *projections.Tracker, rows []projections.Row[count[N]]) []projections.Row[count[N]] {
	for job := range run.Jobs() {
		rows = append(rows, projections.Row[count[N]]{Index: job.Index, Value: count[N]{job.ID, c.of(job.Index)}})
	}
	return rows
}

func version[N comparable](number int, of func(int) N) *projections.Set {
	set, err := projections.NewSet(projections.Define(projections.Declaration[count[N]]{
		Name: "counts", Version: number, Key: []string{"job_id"},
		New: func() projections.Projection[count[N]] { return &counts[N]{of} },
	}))
	if err != nil {
		panic(err)
	}
	return set
}

var versions = map[int]*projections.Set{
	1: version(1, func(i int) int { return i }),
	2: version(2, func(i int) string { return fmt.Sprint("-", i) }),
}

// owner is a store that keeps streams, with its programs and the folder that they read.
type owner struct {
	*rapid.T
	folder, file string
	live         int // the version of the rows
	runs         map[domain.RunID]bool
}

func (o *owner) with(version int, do func(*sqlite.Store)) {
	s, err := sqlite.Open(context.Background(), o.file, sqlite.Projections(versions[version]), sqlite.KeepStreams())
	require.NoError(o, err)
	defer func() { require.NoError(o, s.Close()) }()
	do(s)
}

func (o *owner) path() string {
	return filepath.Join(o.folder, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(o.T, "run")+".jsonl")
}

func (o *owner) grows() {
	file, err := os.OpenFile(o.path(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	require.NoError(o, err)
	_, err = fmt.Fprintf(file, `{"at_ms":1,"type":"job_started","job_id":"%d"}`+"\n", rapid.IntRange(0, 9).Draw(o.T, "job"))
	require.NoError(o, errors.Join(err, file.Close()))
}

func (o *owner) begins() {
	require.NoError(o, os.WriteFile(o.path(), []byte("{}\n"), 0o666))
	o.grows()
}

func (o *owner) loses() { _ = os.Remove(o.path()) }

func (o *owner) ingests() {
	o.with(o.live, func(s *sqlite.Store) { o.takes(s, o.streams()) })
}

func (o *owner) takes(s *sqlite.Store, streams jsonl.Streams) {
	_, err := store.IngestAll(context.Background(), s, streams, store.Options{})
	require.NoError(o, err)
}

// own are the streams of a store.
func (o *owner) own(s *sqlite.Store) jsonl.Streams {
	archive, err := kept.Open(context.Background(), s, "store")
	require.NoError(o, err)
	return jsonl.Streams{Paths: []string{"store"}, Archives: map[string]jsonl.Archive{"store": archive}, Options: jsonl.Options{OnMalformed: jsonl.Skip}}
}

// streams are those of the folder. If it is empty, there are none.
func (o *owner) streams() jsonl.Streams {
	paths, err := filepath.Glob(filepath.Join(o.folder, "*.jsonl"))
	require.NoError(o, err)
	archives := map[string]jsonl.Archive{"": nil} // files one by one: a folder without any is an error
	return jsonl.Streams{Paths: paths, Archives: archives, Options: jsonl.Options{OnMalformed: jsonl.Skip}}
}

// renews rebuilds with the newer program, and with or without the folder.
func (o *owner) renews(how report.Rebuilding) (err error) {
	o.with(2, func(s *sqlite.Store) {
		ctx := context.Background()
		streams := o.streams()
		if rapid.Bool().Draw(o.T, "without the folder") {
			streams = o.own(s)
		} else {
			how.Own, err = kept.Own(ctx, s, streams)
			require.NoError(o, err)
		}
		how.Out, how.Format = io.Discard, report.JSON
		i := report.Ingestion{Say: func(string) {}, Failed: func(err error) { o.Fatal(err) }}
		_, err = i.Renew(ctx, s, streams, how)
	})
	return err
}

func (o *owner) rebuilds() {
	require.NoError(o, o.renews(report.Rebuilding{Options: store.Options{Keep: true}}))
}

func (o *owner) compares() { require.NoError(o, o.renews(report.Rebuilding{Compare: true})) }

func (o *owner) switches() {
	err := o.renews(report.Rebuilding{Switch: true, Options: store.Options{Keep: true}})
	if !errors.Is(err, store.ErrNoGeneration) {
		require.NoError(o, err)
	}
}

func (o *owner) rollsBack() {
	err := o.renews(report.Rebuilding{Rollback: true, Options: store.Options{Keep: true}})
	if !errors.Is(err, store.ErrNoGeneration) {
		require.NoError(o, err)
		o.looks()
		o.with(o.live, func(s *sqlite.Store) { o.takes(s, o.own(s)) }) // what was carried over
	}
}

// looks returns the version of the rows.
func (o *owner) looks() {
	o.with(2, func(s *sqlite.Store) {
		versions, err := s.Versions(context.Background())
		require.NoError(o, err)
		o.live = versions["counts"]
	})
}

// check checks that all stored runs have their rows and streams.
func (o *owner) check() {
	o.looks()
	o.with(o.live, func(s *sqlite.Store) {
		own := o.own(s)
		for run := range o.runs {
			_, _, err := own.Archives["store"].Open(run)
			assert.NoError(o, err)
		}
		var found []string
		require.NoError(o, store.Verify(context.Background(), s, own, store.VerifyOptions{
			Found: func(d store.Difference) { found = append(found, fmt.Sprint(d)) },
			Done: func(v store.Verified) {
				o.runs[v.RunID] = true
				assert.NoError(o, v.Err)
			},
		}))
		assert.Empty(o, strings.Join(found, "\n"))
	})
}

// After any switches, the store keeps the streams of all its rows, and needs no other streams.
func TestVersionsOfKeptStreams(t *testing.T) {
	storetest.Tries(t, 20)
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp("", "kept")
		require.NoError(t, err)
		defer os.RemoveAll(folder)
		o := &owner{t, folder, filepath.Join(folder, "quire.db"), 1, map[domain.RunID]bool{}}
		o.grows()
		o.ingests()
		actions := []func(){o.grows, o.begins, o.loses, o.ingests, o.rebuilds, o.compares, o.switches, o.rollsBack}
		for range rapid.IntRange(1, 10).Draw(t, "actions") {
			rapid.SampledFrom(actions).Draw(t, "action")()
			o.check()
		}
	})
}
