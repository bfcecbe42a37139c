package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Wherever a password is in an invalid address, no output shows it.
func TestPasswordsAreNotShown(t *testing.T) {
	stream := filepath.Join(t.TempDir(), "a.jsonl")
	require.NoError(t, os.WriteFile(stream, nil, 0o666))
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.StringMatching(`[@:/?#%&=,\[\] ]?Qx7[@:/?#%&=,\[\] ]?Zk9[@:/?#%&=,\[\] ]?`).Draw(t, "password")
		form := rapid.SampledFrom([]string{
			"postgres://ci:%s@127.0.0.1:1/quire", "postgresql://ci:%s@127.0.0.1:1/quire.db", "postgres://ci:%s@", "postgres://:%s@127.0.0.1:1",
			"postgres://127.0.0.1:1/quire?password=%s", "postgres:ci:%s@127.0.0.1/quire.db", "mysql://ci:%s@127.0.0.1/quire.db",
			"ci:%s@127.0.0.1", "host=127.0.0.1 port=1 password=%s dbname=quire.db", "//ci:%s@127.0.0.1/quire.sqlite",
		}).Draw(t, "form")
		to := fmt.Sprintf(form, password)
		for _, args := range [][]string{{stream, "--to", to}, {"rebuild", stream, "--to", to}, {"rebuild", stream, "--dry-run", "--to", to}, {"verify", stream, "--to", to}} {
			var out, errs bytes.Buffer
			if status := Run(t.Context(), args, &out, &errs); status != command.StatusUsage && status != command.StatusIO {
				t.Fatalf("%q ends with %d", to, status)
			}
			for _, part := range []string{"Qx7", "Zk9"} {
				require.NotContains(t, out.String()+errs.String(), part, "%q is shown", to)
			}
		}
	})
}

// The advice in an error of a store appears once.
func TestStoreAdvice(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("x: %w: SQLSTATE 55P03", store.ErrLocked), "; run the same again when that is done"},
		{fmt.Errorf("x: %w; try again later: 5", store.ErrLocked), ""},
		{fmt.Errorf("x: %w: SQLSTATE 25006", store.ErrReadOnly), "; get the right to write to it, or name another"},
		{fmt.Errorf("x: %w", store.ErrFull), "; make room and run the same again"},
		{fmt.Errorf("x: %w; make room: 13", store.ErrFull), ""},
		{fmt.Errorf("%w: jobs; name another", store.ErrForeign), ""},
		{store.ErrNewerSchema, ""},
		{&projections.NewerError{Name: "jobs", Stored: 99, Known: 2}, ""},
		{&store.DuplicateError{Run: "a", Name: "x", Taken: "y"}, ""},
		{errors.New("x"), ""},
	} {
		assert.Equal(t, test.want, advice(test.err), "%v", test.err)
	}
}
