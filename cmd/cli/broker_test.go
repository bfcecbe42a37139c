package cli

import (
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// TestBrokerScripts runs testdata/broker. $BROKER is the address of a stream that is
// not there yet, on a server of which $USER_SECRET is the password.
func TestBrokerScripts(t *testing.T) {
	t.Parallel()
	server, err := url.Parse(natstest.New(t, natstest.User("ci", secret)).URL())
	if err != nil {
		t.Fatal(err)
	}
	params := scriptParams("testdata/broker")
	setup, streams := params.Setup, make(chan int, 1)
	streams <- 0
	params.Setup = func(env *testscript.Env) error {
		n := <-streams + 1
		streams <- n
		env.Setenv("BROKER", server.JoinPath("stream"+strconv.Itoa(n)).String())
		env.Setenv("HOST", server.Host)
		env.Setenv("SECRET", secret)
		env.Setenv("STORE", "sqlite:quire.db")
		return setup(env)
	}
	params.Cmds["until"] = until
	testscript.Run(t, params)
}

const secret = "pa55word"

// until runs a command until its exit status is the one given, for a generous time:
// until 0 quire-project verify run.jsonl --to $STORE
func until(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		got := exitStatus(ts, args[1:])
		if got == want {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("exit status %d, want %d", got, want)
		}
	}
}

// A worker that is stopped has done what it could, also while it waits for a server that
// does not answer.
func TestSubscribeStoppedWhileItStarts(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	store := "sqlite:" + filepath.Join(t.TempDir(), "quire.db")
	p := startProcess(t, "subscribe", "--from", "nats://"+silent.Addr().String(), "--to", store, "--listen", "none")
	if _, err := silent.Accept(); err != nil {
		t.Fatal(err)
	}
	p.interrupt(t, statusOK)
}

// While more may come from standard input, which is nowhere else, a broker that is away
// is waited for.
func TestStandardInputIsNotGivenUp(t *testing.T) {
	for path, want := range map[string]time.Duration{"-": 0, "runs": giveUp} {
		if got := (&publishFlags{}).options([]string{path}, 0, nil).GiveUp; got != want {
			t.Errorf("%s is given up after %v, want %v", path, got, want)
		}
	}
}

// A file that may not be read is published as soon as it may; a folder is told at the
// end.
func TestPublishWhatMayNotBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root can read everything")
	}
	t.Parallel()
	runs := t.TempDir()
	file, folder := filepath.Join(runs, "a.jsonl"), filepath.Join(runs, "folder")
	if err := errors.Join(os.WriteFile(file, []byte(`{"at_ms":1,"type":"run_finished","outcome":"succeeded"}`+"\n"), 0), os.Mkdir(folder, 0)); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, "publish", runs, "--follow", "--to", natstest.New(t).URL())
	p.says(t, "a.jsonl: permission denied")
	p.says(t, "folder: permission denied")
	time.Sleep(2 * time.Second) // it is tried again meanwhile, and not told
	p.says(t, "a.jsonl: permission denied")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	time.Sleep(4 * time.Second)
	p.interrupt(t, statusIO)
	p.says(t, "published 1 run in 1 segment")
}
