package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

const keptLine = `{"at_ms":1,"type":"run_finished","outcome":"succeeded"}` + "\n"

// What was held of a run before it is followed, of whichever stream that was, does
// not wait any more when its rows have been brought up to the stream.
func TestFollowForgetsWhatIsHeld(t *testing.T) {
	stream, file := filepath.Join(t.TempDir(), "run.jsonl"), filepath.Join(t.TempDir(), "quire.db")
	if err := os.WriteFile(stream, []byte(keptLine), 0o666); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	follow := func() {
		t.Helper()
		if status := run(t.Context(), []string{"follow", stream, "--to", "sqlite:" + file, "--quiet"}, stdio{&said, &said}); status != statusOK {
			t.Fatalf("it ends with %d: %s", status, &said)
		}
	}
	follow()
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hold(t, s, domain.Segment{Run: "run", Offset: 10_000, Data: []byte(keptLine), SHA256: sha256.Sum256(nil)})
	if waiting, err := s.Waiting(t.Context(), "run"); err != nil || len(waiting) != 1 {
		t.Fatalf("before, %d runs wait, %v", len(waiting), err)
	}
	follow()
	if waiting, err := s.Waiting(t.Context(), "run"); err != nil || len(waiting) != 0 {
		t.Errorf("%d runs wait, %v", len(waiting), err)
	}
}

// hold has a segment wait for what comes before it.
func hold(t *testing.T, s store.Store, segment domain.Segment) {
	t.Helper()
	p := store.NewProjector(s, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{})
	if err := errors.Join(p.Apply(t.Context(), segment), p.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// Lines whose rows are there already are not sent to the projector: it is closed
// here, and refuses what it gets.
func TestFollowSendsOnlyWhatIsMissing(t *testing.T) {
	f, err := newFollower("run.jsonl", followFlags{readFlags: readFlags{onMalformed: "stop", maxLine: jsonl.DefaultMaxLine}}, stdio{io.Discard, io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	f.keeper, err = newKeeper(t.Context(), address{scheme: schemeSQLite, location: filepath.Join(t.TempDir(), "quire.db")}, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.keeper.close(); err != nil {
		t.Fatal(err)
	}
	one := &followed{follower: f, ctx: t.Context(), source: jsonl.FileSource("run.jsonl"), kept: int64(len(keptLine))}
	if err := one.keep(0, []byte(keptLine)); err != nil {
		t.Errorf("what is kept is sent: %v", err)
	}
	if err := one.keep(one.kept, []byte(keptLine)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("what is missing is not sent: %v", err)
	}
}
