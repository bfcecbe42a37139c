package pgtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dying is set for a process that must end, and says how.
const dying = "PGTEST_DYING"

// TestDying is part of TestNothingIsLeft.
func TestDying(t *testing.T) {
	how := os.Getenv(dying)
	if how == "" {
		return
	}
	fmt.Println(Shared(t).folder)
	switch how {
	case "exit":
		os.Exit(0)
	case "panic":
		go panic("on purpose")
	}
	select {} // until it is killed
}

// However a process ends, nothing is left of its server.
func TestNothingIsLeft(t *testing.T) {
	Shared(t) // skips the test where there is no PostgreSQL
	for _, how := range []string{"exit", "panic", "kill"} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestDying$")
			cmd.Env = append(os.Environ(), dying+"="+how)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			folder, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			if how == "kill" {
				require.NoError(t, cmd.Process.Kill())
			}
			_ = cmd.Wait()
			awaitGone(t, strings.TrimSpace(folder))
		})
	}
}

// A server ends even if its folder was removed.
func TestFolderIsRemoved(t *testing.T) {
	var ended chan struct{}
	t.Run("test", func(t *testing.T) {
		s := New(t)
		require.NoError(t, os.RemoveAll(s.folder))
		ended = s.process.ended
	})
	if ended == nil {
		t.SkipNow() // as that one was
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Minute):
		t.Error("it is still there")
	}
}

func TestNothingIsLeftOfOnesOwn(t *testing.T) {
	var folder string
	t.Run("test", func(t *testing.T) { folder = New(t).folder })
	awaitGone(t, folder)
}

// awaitGone waits until a server's folder is removed, which follows the end of the server.
func awaitGone(t *testing.T, folder string) {
	t.Helper()
	require.True(t, waittest.Until(func() bool { _, err := os.Stat(folder); return os.IsNotExist(err) }), folder)
}

func TestNewest(t *testing.T) {
	folder := t.TempDir()
	var bins []string
	for version, programs := range map[string]string{"9.6": "initdb postgres", "15": "initdb postgres", "16": "initdb", "dev": "initdb postgres"} {
		bin := filepath.Join(folder, version, "bin")
		require.NoError(t, os.MkdirAll(bin, 0o755))
		for _, name := range strings.Fields(programs) {
			require.NoError(t, os.WriteFile(filepath.Join(bin, name), nil, 0o755))
		}
		bins = append(bins, bin)
	}
	if got, want := newest(bins), filepath.Join(folder, "15", "bin"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	assert.Equal(t, "", newest(nil))
}
