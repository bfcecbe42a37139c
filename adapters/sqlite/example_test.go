package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections/store"
)

// A program keeps the rows of runs in a database of its own.
func ExampleNew() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	db, err := sql.Open("sqlite", filepath.Join(folder, "orchestrator.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE pipelines (run_id TEXT PRIMARY KEY, branch TEXT);
INSERT INTO pipelines VALUES ('cobra-failing', 'main')`); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	s, err := sqlite.New(ctx, db)
	if err != nil {
		log.Fatal(err)
	}
	stream := jsonl.Locate("../../fixtures/cobra-failing.jsonl").Source(jsonl.Options{})
	if _, err := store.Ingest(ctx, s, stream, store.Options{}); err != nil {
		log.Fatal(err)
	}

	var branch, cmd string
	if err := db.QueryRow(`SELECT branch, cmd FROM sh_events JOIN pipelines USING (run_id) WHERE exit_code <> 0`).Scan(&branch, &cmd); err != nil {
		log.Fatal(err)
	}
	fmt.Println(branch, "failed:", cmd)
	// Output:
	// main failed: grep -q 'no such line — ça échoue' cobra.log
}
