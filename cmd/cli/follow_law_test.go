package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// However streams come about, in pieces of any size, written anew or replaced, and
// however often following is interrupted and taken up again: the rows are those of
// the whole lines that are there, and verify finds nothing in the end.
func TestFollowLaw(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newFollowing(t, rapid.Bool().Draw(t, "quiet"))
		defer f.remove()
		f.start()
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			s := f.streams[rapid.IntRange(0, len(f.streams)-1).Draw(t, "stream")]
			switch rapid.SampledFrom([]string{"append", "append", "append", "settle", "truncate", "replace", "interrupt"}).Draw(t, "step") {
			case "append":
				s.append(t, rapid.IntRange(0, len(s.left)).Draw(t, "bytes"))
			case "settle":
				f.settle(s)
			case "truncate":
				s.renew(t, os.WriteFile)
			case "replace":
				s.renew(t, replaceFile)
			case "interrupt":
				f.interrupt()
				f.start()
			}
		}
		for _, s := range f.streams {
			s.append(t, len(s.left))
			f.settle(s)
		}
		f.opened()
		f.interrupt()
		f.verify()
	})
}

// following is a folder that is followed by this process.
type following struct {
	t               *rapid.T
	quiet           bool
	folder, address string
	streams         []*growing
	cancel          context.CancelFunc
	ended           chan error
	said            bytes.Buffer
}

func newFollowing(t *rapid.T, quiet bool) *following {
	folder, err := os.MkdirTemp("", "follow-")
	require.NoError(t, err)
	f := &following{t: t, quiet: quiet, folder: filepath.Join(folder, "runs"), address: "sqlite:" + filepath.Join(folder, "quire.db")}
	for i, name := range []string{"a.jsonl", "b/events.jsonl", "c/d/e.jsonl"} {
		path := filepath.Join(f.folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		s := &growing{path: path, run: domain.RunID([]string{"a", "b", "e"}[i])}
		s.left = s.draw(t)
		f.streams = append(f.streams, s)
	}
	return f
}

func (f *following) remove() {
	if f.cancel != nil {
		f.interrupt()
	}
	os.RemoveAll(filepath.Dir(f.folder))
}

func (f *following) start() {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel, f.ended = cancel, make(chan error, 1)
	flags := followFlags{to: f.address, quiet: f.quiet, readFlags: readFlags{onMalformed: "stop", maxLine: jsonl.DefaultMaxLine}}
	go func() {
		f.ended <- (&app{Stdio: command.Stdio{Out: io.Discard, Err: &f.said}, set: projections.Builtin}).follow(ctx, f.folder, flags)
	}()
}

func (f *following) interrupt() {
	f.cancel()
	f.cancel = nil
	select {
	case err := <-f.ended:
		require.NoError(f.t, err, "following ends with %v\n%s", err, &f.said)
	case <-time.After(patience):
		f.t.Fatal("following does not end")
	}
}

// settle waits until the rows of a run are those of its whole lines.
func (f *following) settle(s *growing) {
	if s.lines() == 0 && (len(s.data) > 0 || !s.isThere()) { // it need not have rows
		return
	}
	want := sha256.Sum256(s.data[:s.lines()])
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		mark, stored, err := readMark(f.address, s.run)
		if err == nil && stored && mark.Bytes == int64(s.lines()) && mark.SHA256 == want {
			return
		}
		require.False(f.t, time.Now().After(deadline), "run %s: the rows are those of %d bytes, want %d: %v\n%s", s.run, mark.Bytes, s.lines(), err, &f.said)
	}
}

func readMark(address string, run domain.RunID) (mark domain.Mark, stored bool, err error) {
	s, err := sqlite.Open(context.Background(), address[len("sqlite:"):], sqlite.MustExist())
	if err != nil {
		return mark, false, err
	}
	defer s.Close()
	checkpoints, err := s.Checkpoints(context.Background(), []domain.RunID{run})
	checkpoint, stored := checkpoints[run]
	return checkpoint.Mark, stored, err
}

// opened waits until there is a store.
func (f *following) opened() {
	for deadline := time.Now().Add(patience); !hasTables(f.address[len("sqlite:"):]); time.Sleep(time.Millisecond) {
		require.False(f.t, time.Now().After(deadline), "there is no store")
	}
}

func (f *following) verify() {
	var out bytes.Buffer
	if status := Run(context.Background(), []string{"verify", f.folder, "--to", f.address}, &out, &out); status != command.StatusOK {
		f.t.Fatalf("verify ends with %d:\n%s\n%s", status, &out, &f.said)
	}
}

// growing is a stream that is being written.
type growing struct {
	path       string
	run        domain.RunID
	generation int
	data, left []byte // what is there, and what is to come
}

// draw returns the stream's next bytes. No line is in those of two generations: only
// then is it sure to be seen that a file has been written anew.
func (s *growing) draw(t *rapid.T) []byte {
	s.generation++
	var data []byte
	for _, event := range laws.Events().Draw(t, "events") {
		line, err := jsonl.Append(nil, &event)
		if err != nil {
			continue
		}
		data = fmt.Appendf(append(data, line[:len(line)-2]...), `,"generation":"%d of %s"}`+"\n", s.generation, s.run)
	}
	return data
}

func (s *growing) isThere() bool {
	_, err := os.Stat(s.path)
	return err == nil
}

func (s *growing) lines() int { return bytes.LastIndexByte(s.data, '\n') + 1 }

func (s *growing) append(t *rapid.T, n int) {
	file, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.Write(s.left[:n])
	require.NoError(t, err)
	s.data, s.left = append(s.data, s.left[:n]...), s.left[n:]
}

// renew writes the first part of another stream in the place of this one.
func (s *growing) renew(t *rapid.T, write func(string, []byte, os.FileMode) error) {
	s.left = s.draw(t)
	n := rapid.IntRange(0, len(s.left)).Draw(t, "bytes")
	s.data, s.left = bytes.Clone(s.left[:n]), s.left[n:]
	require.NoError(t, write(s.path, s.data, 0o666))
}

// replaceFile puts a new file in the place of the one that is there.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	if err := os.WriteFile(path+".new", data, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
