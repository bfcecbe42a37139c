package tail_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// writeForever writes lines in pieces, as fast as it can, until it is killed.
func writeForever(path string) {
	file, err := os.Create(path)
	if err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		line := strings.Repeat("x", i%300) + "\n"
		for len(line) > 0 {
			n := min(len(line), 100)
			if _, err := file.WriteString(line[:n]); err != nil {
				panic(err)
			}
			line = line[n:]
		}
	}
}

// Of a writer that is killed, every line is read, and what it left of the last
// one.
func TestKilledWriter(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	torn := 0
	const tries = 20
	for range tries {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		child := exec.Command(self)
		child.Env = append(os.Environ(), childEnv+"="+path)
		require.NoError(t, child.Start())
		var killed context.Context
		follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
			var kill context.CancelFunc
			killed, kill = context.WithCancel(ctx)
			go func() {
				time.Sleep(rand.N(20 * time.Millisecond))
				_ = child.Process.Kill()
				_ = child.Wait()
				kill()
			}()
			var got []byte
			for {
				chunk, err := s.Next(killed, 0)
				if err != nil {
					break
				}
				got = append(got, chunk.Data...)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if !bytes.HasSuffix(content, []byte("\n")) {
				torn++
			}
			return ends(s, got, content)
		})
	}
	assert.NotEqual(t, 0, torn, "none of %d writers died inside a line", tries)
}
