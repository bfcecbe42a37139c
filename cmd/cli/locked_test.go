package cli

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// The command waits for a database that another process keeps locked, and then reports it. The test
// takes ten seconds.
func TestLocked(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	t.Parallel()
	file := filepath.Join(t.TempDir(), "quire.db")
	ingest := func(stream string) (int, string) {
		var out, errs bytes.Buffer
		status := Run(t.Context(), []string{stream, "--to", "sqlite:" + file}, &out, &errs)
		return status, out.String() + errs.String()
	}
	if status, said := ingest("../../fixtures/rapid-ci.jsonl"); status != command.StatusOK || said != "" {
		t.Fatalf("%d: %s", status, said)
	}
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate")
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.Begin()
	require.NoError(t, err)
	status, said := ingest("../../fixtures/cobra-failing.jsonl")
	if want := regexp.MustCompile(`^quire-project: .*quire\.db: .*the database is locked by another program; [^\n]*\n$`); status != command.StatusIO || !want.MatchString(said) {
		t.Errorf("locked, it ends with %d: %s", status, said)
	}
	if status, said := ingest("../../fixtures/rapid-ci.jsonl"); status != command.StatusOK || said != "" {
		t.Errorf("where there is nothing to write, it ends with %d: %s", status, said)
	}
	require.NoError(t, tx.Rollback())
	if status, said := ingest("../../fixtures/cobra-failing.jsonl"); status != command.StatusOK || said != "" {
		t.Errorf("the same again ends with %d: %s", status, said)
	}
}
