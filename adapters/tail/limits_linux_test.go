package tail_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/tail"
)

// limitEnv names a limit of a user namespace, and what it is to be.
const limitEnv = "QUIRE_TEST_TAIL_LIMIT"

// If there are too few watches, or no watcher at all, Follow reports that once and still finds
// everything.
func TestWatchesRunOut(t *testing.T) {
	if limit := os.Getenv(limitEnv); limit != "" {
		name, value, _ := strings.Cut(limit, "=")
		if err := os.WriteFile("/proc/sys/user/"+name, []byte(value), 0); err != nil {
			t.Skip(err)
		}
		followLimited(t)
		return
	}
	for limit, told := range map[string]string{
		"max_inotify_watches=3":   "fs.inotify.max_user_watches",
		"max_inotify_instances=0": "the system provides no watcher",
	} {
		out := inNamespace(t, limit)
		if strings.Count(out, "warned: ") != 1 || !strings.Contains(out, told) {
			t.Errorf("%s: %s", limit, out)
		}
	}
}

// inNamespace runs this test in a user namespace of its own, whose limits it may
// set.
func inNamespace(t *testing.T, limit string) string {
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self, "-test.run=^TestWatchesRunOut$", "-test.v")
	child.Env = append(os.Environ(), limitEnv+"="+limit)
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := child.CombinedOutput()
	var exited *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exited):
		t.Skip("there can be no user namespace: ", err)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skip(string(out))
	case err != nil:
		t.Errorf("%s: %v: %s", limit, err, out)
	}
	return string(out)
}

func followLimited(t *testing.T) {
	root := t.TempDir()
	var warned atomic.Int32
	options := tail.Options{Poll: 5 * time.Millisecond, Warn: func(err error) {
		warned.Add(1)
		fmt.Println("warned:", err)
	}}
	b := newBook(t)
	want := map[string]string{}
	stop := background(t, root, options, b.untilEnd)
	for i := range 6 {
		path := filepath.Join(root, fmt.Sprint(i), "run.jsonl")
		want[path] = "line\n" + lastLine
		makeRun(t, path, want[path], 2)
	}
	b.await(want)
	for path := range want {
		add(t, path, lastLine)
	}
	for path := range want {
		require.True(t, waittest.Until(func() bool { return b.callsOf(path) >= 2 }), "%s was not read again", path)
	}
	stop()
	assert.EqualValues(t, 1, warned.Load(), "warned")
}
