package cli

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// Workers wait for the rebuild of an older store, and end with an error once the store is newer.
func TestWorkersOfOtherVersions(t *testing.T) {
	t.Parallel()
	file, runs, broker := filepath.Join(t.TempDir(), "quire.db"), t.TempDir(), natstest.New(t).URL()
	store, stream := "sqlite:"+file, filepath.Join(runs, "a.jsonl")
	write(t, stream, `{"at_ms":1,"type":"job_started","job_id":"a"}`+"\n")
	require.Zero(t, startProcess(t, stream, "--to", store).wait(t))
	db, err := sql.Open("sqlite", "file:"+file+"?_busy_timeout=60000")
	require.NoError(t, err)
	defer db.Close()
	version := func(n int) {
		_, err := db.Exec(fmt.Sprintf(`UPDATE quire_project_projections SET version = %d WHERE name = 'jobs'`, n))
		require.NoError(t, err)
	}
	version(1)
	workers := []*process{
		startProcess(t, "subscribe", "--from", broker, "--to", store, "--listen", "none", "--patience", "2s"), // gets no segments
		startProcess(t, "follow", runs, "--to", store, "--quiet"),
	}
	for _, p := range workers {
		p.says(t, "(?s)waiting.*have version 1, and this.*|have version 1, and this.*waiting")
	}
	version(2)
	workers[0].says(t, "msg=working")
	version(3)
	write(t, filepath.Join(runs, "c.jsonl"), `{"at_ms":1,"type":"job_started","job_id":"a"}`+"\n")
	for _, p := range workers {
		assert.Equal(t, command.StatusIO, p.wait(t), &p.said)
		p.says(t, "(?m)^quire-project: the store has another version: .* use a newer program$")
	}
}
