package jsonl_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// writes records each write as one element, and fails as its function says.
type writes struct {
	lines []string
	fail  func(p []byte) (int, error)
}

func (w *writes) Write(p []byte) (int, error) {
	w.lines = append(w.lines, string(p))
	if w.fail != nil {
		return w.fail(p)
	}
	return len(p), nil
}

func TestEmitWritesLineByLine(t *testing.T) {
	var out writes
	sink := jsonl.NewWriter(&out)
	for _, e := range []domain.Event{jobStarted, shStarted, succeeded} {
		before := len(out.lines)
		require.NoError(t, sink.Emit(e))
		if got := out.lines[before:]; len(got) != 1 || got[0] != written(e)+"\n" {
			t.Errorf("got %q, want one write of %q", got, written(e))
		}
	}
}

// After a failed or short write nothing more is written: it would hide where the
// stream is torn.
func TestEmitStopsAtTheFirstFailure(t *testing.T) {
	broken := errors.New("the pipe is gone")
	for name, test := range map[string]struct {
		fail func([]byte) (int, error)
		want error
	}{
		"failing":         {func([]byte) (int, error) { return 0, broken }, broken},
		"failing halfway": {func(p []byte) (int, error) { return len(p) / 2, broken }, broken},
		"failing at last": {func(p []byte) (int, error) { return len(p), broken }, broken},
		"short":           {func(p []byte) (int, error) { return len(p) / 2, nil }, io.ErrShortWrite},
	} {
		t.Run(name, func(t *testing.T) {
			out := writes{fail: test.fail}
			sink := jsonl.NewWriter(&out)
			first := sink.Emit(jobStarted)
			out.fail = nil // the disk may have room again
			if again := sink.Emit(jobStarted); !errors.Is(first, test.want) || again != first {
				t.Errorf("got %v, then %v", first, again)
			}
			assert.Len(t, out.lines, 1)
		})
	}
}

// An event that the wire cannot hold is refused, and the next one is written.
func TestEmitContinuesAfterAnImpossibleEvent(t *testing.T) {
	var out writes
	sink := jsonl.NewWriter(&out)
	for _, e := range []domain.Event{
		{},
		domain.NewJobFinished(1, "a", domain.NoOutcome),
		domain.NewUnknown(1, "sh_started", ""),
		domain.NewUnknown(1, "x", `{"b":1,"a":2}`), // not sorted
		domain.NewUnknown(1, "x", "{}\n{}"),
	} {
		assert.ErrorIs(t, sink.Emit(e), jsonl.ErrNotWritable, "%+v", e)
	}
	if err := sink.Emit(jobStarted); err != nil || len(out.lines) != 1 {
		t.Errorf("got %d writes, %v", len(out.lines), err)
	}
}

func TestEmitIsSafeForConcurrentUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	sink, err := jsonl.OpenSink(t.Context(), path, nil, nil)
	require.NoError(t, err)
	const jobs, each = 8, 200
	var group sync.WaitGroup
	for job := range jobs {
		group.Go(func() {
			for i := range each {
				cmd := strings.Repeat("x", 37*i)
				assert.NoError(t, sink.Emit(domain.NewShStarted(int64(i), fmt.Sprint(job), cmd)))
			}
		})
	}
	group.Wait()
	require.NoError(t, sink.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	all := readAll(bytes.NewReader(data), jsonl.Options{})
	next := map[string]int64{}
	for _, entry := range all.entries {
		require.Equal(t, next[entry.JobID], entry.AtMs, "job %s", entry.JobID)
		require.Equal(t, int(37*entry.AtMs), len(entry.Cmd), "job %s", entry.JobID)
		next[entry.JobID]++
	}
	assert.Len(t, all.entries, jobs*each)
	assert.NoError(t, all.err)
}

func TestTargets(t *testing.T) {
	var stdout writes
	for text, want := range map[string]int{"null": 0, "stdout": 1} {
		stdout.lines = nil
		sink, err := jsonl.OpenSink(t.Context(), text, &stdout, nil)
		require.NoError(t, err)
		if err := errors.Join(sink.Emit(jobStarted), sink.Close()); err != nil || len(stdout.lines) != want {
			t.Errorf("%s: got %q, %v", text, stdout.lines, err)
		}
	}
}

func TestFileTarget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	sink, err := jsonl.OpenSink(t.Context(), path, nil, nil)
	require.NoError(t, err)
	require.NoError(t, sink.Emit(jobStarted))
	// Another program can follow the stream before it is closed.
	assert.Equal(t, event+"\n", contents(t, path))
	assert.NoError(t, sink.Close())
	assert.ErrorIs(t, sink.Emit(jobStarted), fs.ErrClosed, "after Close")
}

// If the path of a stream no longer leads to its file, the sink fails, and keeps failing
// if the file comes back.
func TestLostStreams(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"removed":           os.Remove,
		"moved":             func(path string) error { return os.Rename(path, path+".old") },
		"replaced":          func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
		"linked and gone":   func(path string) error { return errors.Join(os.Link(path, path+".kept"), os.Remove(path)) },
		"folder is removed": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run", "events.jsonl")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			sink, err := jsonl.OpenSink(t.Context(), path, nil, nil)
			require.NoError(t, err)
			require.NoError(t, errors.Join(sink.Emit(jobStarted), lose(path)))
			assert.ErrorIs(t, sink.Emit(jobStarted), jsonl.ErrStreamLost)
			_ = os.Rename(path+".old", path)
			assert.ErrorIs(t, sink.Emit(jobStarted), jsonl.ErrStreamLost, "later")
			if err := sink.Close(); !errors.Is(err, jsonl.ErrStreamLost) && name != "moved" {
				t.Errorf("at the end: got %v", err)
			}
		})
	}
}

func contents(t *testing.T, path string) string {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// OpenSink does not overwrite: not a stream, an empty file, a folder, or a dangling
// link.
func TestTargetsAreNeverOverwritten(t *testing.T) {
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	err := errors.Join(
		os.WriteFile(path("stream"), []byte("kept"), 0o600),
		os.WriteFile(path("empty"), nil, 0o600),
		os.Mkdir(path("folder"), 0o700),
		os.Symlink(path("nowhere"), path("link")))
	require.NoError(t, err)
	for _, name := range []string{"stream", "empty", "link"} {
		if sink, err := jsonl.OpenSink(t.Context(), path(name), nil, nil); !errors.Is(err, jsonl.ErrStreamExists) || sink != nil {
			t.Errorf("%s: got %v, %v", name, sink, err)
		}
	}
	if sink, err := jsonl.OpenSink(t.Context(), path("folder"), nil, nil); err == nil || sink != nil {
		t.Errorf("a folder: got %v, %v", sink, err)
	}
	assert.Equal(t, "kept", contents(t, path("stream"))+contents(t, path("empty")), "what was there is now")
	_, err = os.Lstat(path("nowhere"))
	assert.ErrorIs(t, err, fs.ErrNotExist, "the link was followed")
}

func TestTargetErrorsArePrintable(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{
		filepath.Join(folder, "no such \x1b[31m folder\n", "a"),
		filepath.Join(folder, "\x1b[31m\u009b2J\u202e\xff"), // which exists, see below
	} {
		if filepath.Dir(path) == folder {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Skip(err)
			}
		}
		_, err := jsonl.OpenSink(t.Context(), path, nil, nil)
		checkPrintable(t, err)
	}
	sink, err := jsonl.OpenSink(t.Context(), filepath.Join(folder, "\x1b[31m"), nil, nil)
	require.NoError(t, err)
	assert.NoError(t, sink.Close())
	checkPrintable(t, sink.Emit(jobStarted))
}
