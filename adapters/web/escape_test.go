package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Only files in the folder of a run's logs are shown, whatever the names of runs and jobs, and
// whatever links the commands have made.
func TestLogsOutside(t *testing.T) {
	base := t.TempDir()
	file := func(path, text string) {
		path = filepath.Join(base, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	link := func(path, to string) {
		path = filepath.Join(base, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		if err := os.Symlink(to, path); err != nil {
			t.Skip("there are no links: ", err)
		}
	}
	const line = "2026-11-23T14:41:54Z stdout F "
	file("outside/jobs/a/sh-1.log", line+"secret\n")
	file("jobs/a/sh-1.log", line+"secret\n")
	file("logs/42/jobs/a/sh-1.log", line+"mine\n")
	link("logs/link", "../outside")
	link("logs/43/jobs", "../../outside/jobs")
	link("logs/44/jobs/a", "../../../outside/jobs/a")
	link("logs/45/jobs/a/sh-1.log", "../../../../outside/jobs/a/sh-1.log")
	link("logs/46/jobs/a/sh-1.log", filepath.Join(base, "outside/jobs/a/sh-1.log"))

	server := web.New(web.Options{Store: memory.Of(set), Logs: web.LogsIn("", filepath.Join(base, "logs")), Ingest: &jsonl.Options{}})
	defer server.Close()
	jobs := []string{"a", "..", ".", "../a", "../../../outside/jobs/a", "..\\a", "/" + base + "/outside/jobs/a", "a/../../../../outside/jobs/a", "%2e%2e/a", "a\x00"}
	shown := 0
	for _, run := range []string{"42", "43", "44", "45", "46", "link", "..", "../outside", "../logs/../outside", "42/../../outside", base + "/outside", "..%2foutside", "~"} {
		var stream []domain.Event
		for _, job := range jobs {
			stream = append(stream, domain.NewShStarted(1, job, "x"), domain.NewShFinished(2, job, 1), domain.NewJobFinished(3, job, domain.Failed))
		}
		require.Equal(t, http.StatusNoContent, sent(server, run, 0, strings.NewReader(string(encode(stream))), nil).Code, run)
		paths := []string{web.RunPath(domain.RunID(run))}
		for _, job := range jobs {
			if job == "." || job == ".." {
				job = "~" + job
			}
			path := fmt.Sprintf("%s/log/%s/1", web.RunPath(domain.RunID(run)), url.PathEscape(job))
			paths = append(paths, path, path+"?raw")
		}
		for _, path := range paths {
			body := get(t, server, path).Body.String()
			require.NotContains(t, body, "secret", path)
			if strings.Contains(body, "mine") {
				shown++
				require.True(t, strings.HasPrefix(path, "/runs/42"), path)
			}
		}
	}
	require.Equal(t, 3, shown, "the run's page, and its log twice")
}
