package sqlite_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
)

func init() {
	anybody["open"] = func(ctx context.Context, path string) error {
		s, err := sqlite.Open(ctx, path)
		if err != nil {
			return err
		}
		run := domain.RunID(os.Getenv("SQLITE_TEST_RUN"))
		return errors.Join(s.Update(ctx, insertRun(run)), s.Close())
	}
}

// Several processes can make one store at the same time.
func TestMadeAtOnce(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	for range 3 {
		path := filepath.Join(t.TempDir(), "quire.db")
		var all sync.WaitGroup
		for _, run := range []string{"a", "b", "c", "d", "e"} {
			all.Go(func() {
				cmd := exec.Command(self)
				cmd.Env = append(os.Environ(), actAs+"open", "SQLITE_TEST_PATH="+path, "SQLITE_TEST_RUN="+run)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		all.Wait()
		if runs, err := open(t, path).RunIDs(t.Context(), "", 10); err != nil || len(runs) != 5 {
			t.Errorf("RunIDs = %q, %v", runs, err)
		}
	}
}

// So can several handles without settings.
func TestMadeAtOnceByHandles(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "quire.db")
		var all sync.WaitGroup
		for range 5 {
			db := other(t, path)
			all.Go(func() {
				_, err := sqlite.New(context.Background(), db)
				assert.NoError(t, err)
			})
		}
		all.Wait()
	}
}
