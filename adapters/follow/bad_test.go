package follow_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// A stream is read again once it has been mended, wherever in its line the fault was
// and however the file was changed.
func TestMended(t *testing.T) {
	const lacks = `{"at_ms":2,"type":"job_finished","job_id":"a"}` + "\n" // the error names its first column
	long := `{"at_ms":2,"type":"later","more":"` + strings.Repeat("x", 10_000)
	for name, test := range map[string]struct{ bad, good string }{
		"what lacks":               {started + lacks + ended, started + finished + ended},
		"behind the fault":         {started + strings.TrimSuffix(lacks, "}\n") + `,"outcome":1}` + "\n" + ended, started + finished + ended},
		"shorter":                  {started + lacks + lacks + ended, started + finished + ended},
		"the end of a long line":   {started + long + "\t\"}\n" + ended, started + long + "t\"}\n" + ended},
		"a line that was too long": {started + strings.Repeat("x", 30_000) + "\n" + ended, started + finished + ended},
	} {
		for how, change := range map[string]func(t *testing.T, path, text string){"replaced": replace, "in place": overwrite} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				testMended(t, test.bad, test.good, change)
			})
		}
	}
}

func testMended(t *testing.T, bad, good string, change func(t *testing.T, path, text string)) {
	folder := t.TempDir()
	path := filepath.Join(folder, "run.jsonl")
	overwrite(t, path, bad)
	s, db := newSeen(), memory.New()
	options := s.options(db)
	options.Streams = jsonl.Options{MaxLine: 20_000}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan follow.Summary, 1)
	go func() {
		summary, _ := follow.Follow(ctx, folder, options)
		done <- summary
	}()
	eventually(t, "it is skipped", func() bool { return s.has("skipped run: ") })
	change(t, path, good)
	eventually(t, "it is stored", func() bool { return stored(t, db, domain.RunID("run"), int64(strings.Count(good, "\n"))) })
	cancel()
	if summary := <-done; len(summary.Skipped) > 0 {
		t.Errorf("skipped are %v", summary.Skipped)
	}
}

// A stream that grows behind its bad line is not read anew for that.
func TestGrowsBehindABadLine(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "run.jsonl")
	overwrite(t, path, started+"{}\n")
	s, db := newSeen(), memory.New()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = follow.Follow(ctx, folder, s.options(db))
	}()
	eventually(t, "it is skipped", func() bool { return s.has("skipped run: ") })
	for range 20 {
		add(t, path, finished)
	}
	overwrite(t, filepath.Join(folder, "other.jsonl"), started)
	eventually(t, "another one is stored", func() bool { return stored(t, db, "other", 1) })
	cancel()
	<-done
	if n := s.lines("run"); n != 1 || len(s.told) != 1 {
		t.Errorf("it has shown %d lines, and told %q", n, s.told)
	}
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, path, text string) {
	t.Helper()
	overwrite(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
