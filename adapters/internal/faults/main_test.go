//go:build unix

package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var seed = flag.Uint64("faults.seed", 1, "seed of the random moments and places")

// random returns the random numbers of a test, which logs the seed if it fails.
func random(t testing.TB) *rand.Rand {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to repeat this: -faults.seed %d", *seed)
		}
	})
	return rand.New(rand.NewPCG(*seed, 0))
}

// slow is set if reading rows takes many times as long as usual.
var slow bool

var more = flag.Int("faults.more", 1, "repeat everything this many times more often")

// times returns how often to repeat something: less often on a slow build.
func times(n int) int {
	if slow {
		n /= 2
	}
	return max(1, n**more)
}

// built is the folder of the built program.
var built string

func TestMain(m *testing.M) {
	status := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(status)
}

// build builds the program once for all tests, without cgo and so without the race
// detector. CI has compiled its packages in this way before.
var build = sync.OnceValues(func() (path string, err error) {
	if built, err = makePublicFolder(); err != nil {
		return "", err
	}
	path = filepath.Join(built, "quire-project")
	cmd := exec.Command("go", "build", "-o", path, "github.com/quire-ci/quire-project/cmd/quire-project")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, exec.Command(path, "--version").Run() // the first run takes longer
})

// publicFolder makes a folder that other users can enter, until the test ends.
func publicFolder(t testing.TB) string {
	t.Helper()
	folder, err := makePublicFolder()
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

func makePublicFolder() (string, error) {
	folder, err := os.MkdirTemp("", "faults-")
	if err != nil {
		return "", err
	}
	return folder, os.Chmod(folder, 0o755)
}
