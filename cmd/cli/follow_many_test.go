package cli

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// A folder may have more runs than the program may have open files or the database may have
// connections, because runs are handled in turn. This holds for runs that are already stored, too.
func TestFollowMany(t *testing.T) {
	runs := 1500
	if testing.Short() {
		runs = 300
	}
	folder, file := t.TempDir(), filepath.Join(t.TempDir(), "quire.db")
	for i := range runs {
		stream := fmt.Sprintf(`{"at_ms":1,"type":"job_started","job_id":"job-%d"}`+"\n"+`{"at_ms":1,"type":"run_finished","outcome":"succeeded"}`+"\n", i)
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("run-%d.jsonl", i)), []byte(stream), 0o666))
	}
	for _, when := range []string{"new", "stored"} {
		t.Run(when, func(t *testing.T) {
			p := startCommand(t, exec.Command("sh", "-c", `ulimit -n 250; exec quire-project follow "$1" --to "sqlite:$2"`, "sh", folder, file))
			waitUntil(t, func() bool { return countRows(file, "runs") == runs }, func() string {
				return fmt.Sprintf("%d runs are stored: %s", countRows(file, "runs"), &p.said)
			})
			waitUntil(t, func() bool { return p.lines() == 2*runs }, func() string {
				return fmt.Sprintf("%d lines are shown: %.500s", p.lines(), &p.said)
			})
			p.interrupt(t, command.StatusOK)
		})
	}
	p := startProcess(t, "verify", folder, "--to", "sqlite:"+file)
	if status := p.wait(t); status != command.StatusOK {
		t.Errorf("verify ends with %d: %.500s", status, &p.said)
	}
}

// countRows returns how many rows a table of an SQLite database has.
func countRows(file, table string) (n int) {
	if !hasTables(file) {
		return 0
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return 0
	}
	defer db.Close()
	_ = db.QueryRow("SELECT count(*) FROM " + table).Scan(&n)
	return n
}

func (p *process) lines() int { return strings.Count(p.said.String(), "\n") }
