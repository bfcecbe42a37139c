package docs

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/publish"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/worker"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// docs/go.md shows the functions below.

func ingest(ctx context.Context, db store.Store, path string) error {
	result, err := store.Ingest(ctx, db, jsonl.Locate(path).Source(jsonl.Options{}), store.Options{})
	if err != nil {
		return err
	}
	run, err := store.ReadRun(ctx, db, result.RunID)
	if err != nil {
		return err
	}
	fmt.Println(result.Outcome, run.RunID, run.State)
	jobs, err := store.Read(ctx, db, projections.Jobs, result.RunID)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		fmt.Println(job.JobID, job.State, job.ExitCode)
	}
	return nil
}

func catchUp(ctx context.Context, db store.Store, folder string) error {
	summary, err := store.Rebuild(ctx, db, jsonl.Folder(folder), store.Options{
		Done: func(result store.Result) {
			if result.Err != nil {
				log.Println("skipped:", result.Err)
			}
		},
	})
	fmt.Println(summary.Runs[store.Added], "runs added")
	return err
}

func followRuns(ctx context.Context, db store.Store, folder string) error {
	_, err := follow.Follow(ctx, folder, follow.Options{
		Store:       db,
		IdleTimeout: 10 * time.Minute,
		Report: follow.Report{
			Skipped: func(_ domain.RunID, err error) { log.Println("skipped:", err) },
		},
	})
	return err
}

func publishFile(ctx context.Context, path string) error {
	b, err := brokers.Open(ctx, "nats://localhost", brokers.Options{})
	if err != nil {
		return err
	}
	defer b.Close()
	stream, err := os.Open(path)
	if err != nil {
		return err
	}
	defer stream.Close()
	publisher := broker.NewPublisher(b.Publisher(), b, broker.PublishOptions{GiveUp: time.Minute})
	_, err = publisher.PublishStream(ctx, "42", stream)
	return err
}

func publishLines(ctx context.Context, publisher *broker.Publisher, lines io.Reader) error {
	publication := publish.New(publisher, publish.Options{})
	return publication.Pipe(ctx, "42", lines)
}

func work(ctx context.Context) error {
	db, err := stores.Open(ctx, "postgres://ci@db.example.com/quire", stores.Options{Durable: true})
	if err != nil {
		return err
	}
	defer db.Close()
	id, err := db.ID(ctx)
	if err != nil {
		return err
	}
	b, err := brokers.Open(ctx, "nats://localhost", brokers.Options{Group: id})
	if err != nil {
		return err
	}
	defer b.Close()
	return worker.Run(ctx, b, db, worker.Options{Logger: slog.Default()})
}

func addHandler(router *message.Router, topic string, subscriber message.Subscriber, db store.Store) *store.Projector {
	projector := store.NewProjector(db, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{})
	router.AddConsumerHandler("rows", topic, subscriber, broker.Handler(projector, broker.Options{}))
	return projector // close it when the router has stopped
}

// These need a server, which the tests of their packages start.
var _ = []any{publishFile, publishLines, work, addHandler}

// The functions that need no server work.
func TestFunctions(t *testing.T) {
	db, err := stores.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "quire.db"), stores.Options{})
	require.NoError(t, err)
	defer db.Close()
	assert.NoError(t, ingest(t.Context(), db, root+"/fixtures/cobra-failing.jsonl"))
	assert.NoError(t, catchUp(t.Context(), db, root+"/fixtures"))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	assert.ErrorIs(t, followRuns(ctx, db, root+"/fixtures"), context.Canceled)
	if runs, err := db.Runs(t.Context(), store.Page{}); err != nil || len(runs) < 7 {
		t.Error(runs, err)
	}
}

// functionBlock returns a function of this file as a block of a page.
func functionBlock(t *testing.T, name string) string {
	_, function, ok := strings.Cut(read(t, "docs/go_test.go"), "\nfunc "+name+"(")
	function, _, ended := strings.Cut(function, "\n}\n")
	if !ok || !ended {
		t.Fatalf("go_test.go has no function %s", name)
	}
	return "```go\nfunc " + name + "(" + function + "\n}\n```\n"
}

// The README's Go is lines of an example that is compiled and run.
func TestReadmeGo(t *testing.T) {
	example := read(t, "adapters/jsonl/example_test.go")
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(read(t, "README.md"))
	require.NotNil(t, block, "the README has no Go")
	indented := regexp.MustCompile("(?m)^(.)").ReplaceAllString(block[1], "\t$1")
	assert.Contains(t, example, strings.ReplaceAll(indented, `"fixtures/`, `"../../fixtures/`), "the README's Go is not in the example")
}

// quoted matches the error messages in a page.
var quoted = regexp.MustCompile("(?m)^- (`.*?`(?:, `.*?`)*)[^:]*: ")

// The program has every message that errors.md explains.
func TestErrorMessages(t *testing.T) {
	code := source(t, func(name string) bool { return !strings.HasSuffix(name, "_test.go") })
	found := quoted.FindAllStringSubmatch(read(t, "docs/errors.md"), -1)
	for _, row := range found {
		for _, message := range strings.Split(row[1], "`, `") {
			message = strings.TrimPrefix(strings.Trim(message, "`"), "torn_tail: ")
			for part := range strings.SplitSeq(message, "…") {
				assert.Contains(t, code, strings.TrimSpace(part), "errors.md: no error")
			}
		}
	}
	assert.GreaterOrEqual(t, len(found), 15, "only")
}

var testName = regexp.MustCompile("`(Test[A-Z][A-Za-z]*)")

// Every test that a page names exists.
func TestNamedTests(t *testing.T) {
	code := source(t, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	found := 0
	for _, page := range pages(t) {
		for _, name := range testName.FindAllStringSubmatch(read(t, page), -1) {
			found++
			if !strings.Contains(code, "func "+name[1]+"(") {
				t.Errorf("%s: there is no %s", page, name[1])
			}
		}
	}
	assert.GreaterOrEqual(t, found, 10, "only")
}

// source returns the Go code of the wanted files.
func source(t *testing.T, wanted func(name string) bool) string {
	t.Helper()
	var code strings.Builder
	for _, folder := range []string{"adapters", "cmd", "projections"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || !wanted(path) {
				return err
			}
			text, err := os.ReadFile(path)
			code.Write(text)
			return err
		})
		require.NoError(t, err)
	}
	return code.String()
}
