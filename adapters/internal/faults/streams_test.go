//go:build unix

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// version is a version of a run's stream. nil means that there is neither a stream nor a row.
type version struct {
	data   []byte
	record func() *projections.Record // the rows of the data
}

func newVersion(run domain.RunID, data []byte) *version {
	return &version{data, sync.OnceValue(func() *projections.Record {
		record, err := projections.Project(run, jsonl.NewReader(bytes.NewReader(data), jsonl.Options{}))
		if err != nil {
			panic(err) // the tests make only sound streams
		}
		return record
	})}
}

// is reports whether a run's record is that of this version.
func (v *version) is(record *projections.Record) bool {
	if v == nil || record == nil {
		return v == nil && record == nil
	}
	return reflect.DeepEqual(record, v.record())
}

// String describes the version in an error.
func (v *version) String() string {
	if v == nil {
		return "none"
	}
	return fmt.Sprintf("%d bytes, %+v", len(v.data), v.record().Run)
}

// stream is the stream of one run, in a file that the tests change.
type stream struct {
	run  domain.RunID
	path string
}

func newStream(folder, name string) *stream {
	return &stream{domain.RunID(name), filepath.Join(folder, name+".jsonl")}
}

// becomes writes a version to the file.
func (s *stream) becomes(t testing.TB, v *version) {
	t.Helper()
	writeFile(t, s.path, v.data)
}

// grow appends the missing part of data, as a producer does.
func (s *stream) grow(t testing.TB, data []byte) {
	t.Helper()
	file, err := os.OpenFile(s.path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.Size() < int64(len(data)) {
		_, err = file.Write(data[info.Size():])
	}
	require.NoError(t, err)
}

func (s *stream) recording() store.Source {
	return jsonl.Locate(s.path).Source(jsonl.Options{})
}

// synthetic returns the bytes of a stream.
func synthetic(t testing.TB, shape synth.Shape) []byte {
	t.Helper()
	var data bytes.Buffer
	require.NoError(t, shape.Write(&data, 0))
	return data.Bytes()
}

// wholeLines returns data up to its last line feed.
func wholeLines(data []byte) []byte { return data[:bytes.LastIndexByte(data, '\n')+1] }

// readRecord returns the stored record of a run, or nil.
func readRecord(t testing.TB, s store.Store, run domain.RunID) *projections.Record {
	t.Helper()
	record, err := store.ReadRecord(t.Context(), s, run)
	if errors.Is(err, store.ErrNoRun) {
		return nil
	}
	require.NoError(t, err, "reading run %s", run)
	return record
}

// runOf returns the run's own row of a record, for an error.
func runOf(record *projections.Record) any {
	if record == nil {
		return "none"
	}
	return record.Run
}
