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
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// TestBrokerScripts runs testdata/broker. $BROKER is the address of a stream that does not exist yet,
// on a server whose password is $USER_SECRET.
func TestBrokerScripts(t *testing.T) {
	t.Parallel()
	server, err := url.Parse(natstest.New(t, natstest.User("ci", secret)).URL())
	require.NoError(t, err)
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

// until repeats a command until it has the given exit status:
// until 0 quire-project verify run.jsonl --to $STORE
func until(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		got := exitStatus(ts, args[1:])
		if got == want {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("exit status %d, want %d", got, want)
		}
	}
}

// A stopped worker succeeds, even if it still waits for a server that does not answer.
func TestSubscribeStoppedWhileItStarts(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	store := "sqlite:" + filepath.Join(t.TempDir(), "quire.db")
	p := startProcess(t, "subscribe", "--from", "nats://"+silent.Addr().String(), "--to", store, "--listen", "none")
	_, err = silent.Accept()
	require.NoError(t, err)
	p.interrupt(t, command.StatusOK)
}

// publish waits for the broker without limit if it reads standard input, because these events are
// stored nowhere else.
func TestStandardInputIsNotGivenUp(t *testing.T) {
	for path, want := range map[string]time.Duration{"-": 0, "runs": giveUp} {
		assert.Equal(t, want, (&publishFlags{}).giveUp([]string{path}), "%s is given up after", path)
	}
}

// An unreadable file is published as soon as it becomes readable; an unreadable folder is reported at
// the end.
func TestPublishWhatMayNotBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root can read everything")
	}
	t.Parallel()
	runs := t.TempDir()
	file, folder := filepath.Join(runs, "a.jsonl"), filepath.Join(runs, "folder")
	require.NoError(t, errors.Join(os.WriteFile(file, []byte(`{"at_ms":1,"type":"run_finished","outcome":"succeeded"}`+"\n"), 0), os.Mkdir(folder, 0)))
	p := startProcess(t, "publish", runs, "--follow", "--to", natstest.New(t).URL())
	p.says(t, "a.jsonl: permission denied")
	p.says(t, "folder: permission denied")
	time.Sleep(2 * time.Second) // it is retried meanwhile, and not reported again
	p.says(t, "a.jsonl: permission denied")
	require.NoError(t, os.Chmod(file, 0o644))
	time.Sleep(4 * time.Second)
	p.interrupt(t, command.StatusIO)
	p.says(t, "published 1 run in 1 segment")
}
