package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

func TestRunIDOf(t *testing.T) {
	for file, want := range map[string]domain.RunID{
		"run.jsonl":                        "run",
		"a/b/nightly-42.jsonl":             "nightly-42",
		"nightly.jsonl.gz":                 "nightly",
		"nightly.jsonl.zst":                "nightly",
		"v1.2.jsonl":                       "v1.2",
		"plain":                            "plain",
		"runs/repo/0197-a/events.jsonl":    "0197-a",
		"runs/repo/0197-a/events.jsonl.gz": "0197-a",
		"runs/repo/0197-a/./events.jsonl":  "0197-a",
		"events.jsonl":                     "events",
		"/events.jsonl":                    "events",
		"../events.jsonl":                  "events",
		"repo/events":                      "events",
		".jsonl":                           ".jsonl",
	} {
		assert.Equal(t, want, domain.RunIDOf(file), "RunIDOf(%q)", file)
	}
}

func TestKindNames(t *testing.T) {
	for _, kind := range []domain.Kind{domain.JobStarted, domain.JobFinished, domain.ShStarted, domain.ShFinished, domain.RunFinished, domain.RunStarted} {
		assert.Equal(t, kind, domain.KindOf(kind.String()), "KindOf(%q)", kind.String())
	}
	for _, name := range []string{"", "unknown", "job_completed", "Job_started", "sh_started "} {
		assert.Equal(t, domain.Unknown, domain.KindOf(name), "KindOf(%q)", name)
	}
}

// What is not UTF-8 cannot be written on the wire; an event never holds it.
func TestConstructorsMakeTextValid(t *testing.T) {
	e := domain.NewShStarted(1, "a\xff", "\xc3(")
	assert.Equal(t, "a\uFFFD", e.JobID, "NewShStarted kept invalid UTF-8")
	assert.Equal(t, "\uFFFD(", e.Cmd, "NewShStarted kept invalid UTF-8")
}

// A path of a stream gives its run's id again, in any folder, and every file system accepts it.
func TestPathOf(t *testing.T) {
	for run, want := range map[domain.RunID]string{
		"42": "42.jsonl", "v1.2": "v1.2.jsonl", "a.jsonl": "a.jsonl.jsonl", "x.gz": "x.gz.jsonl",
		"events": "run-id=events.jsonl", "..": "run-id=%2E%2E.jsonl", "con": "run-id=con.jsonl", "a/é": "run-id=a%2F%C3%A9.jsonl", "run-id=a": "run-id=run-id%3Da.jsonl",
	} {
		assert.Equal(t, want, domain.PathOf(run))
	}
	paths := map[string]domain.RunID{}
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.StringN(0, -1, 170), rapid.SampledFrom([]string{"", "/", "..", "events", "run-id=", "run-id+", "%2F", ".jsonl", ".gz", strings.Repeat("long", 60)}))
		run := domain.RunID(part.Draw(t, "id") + part.Draw(t, "and more"))
		if run == "" {
			return
		}
		name := domain.PathOf(run)
		for _, folder := range []string{"", "/runs/", "run-id=a/run-id+b/", "/"} {
			assert.Equal(t, run, domain.RunIDOf(folder+name), "%q in %q", name, folder)
		}
		for part := range strings.SplitSeq(name, "/") {
			if len(part) > 200+len(".jsonl") || strings.Trim(part, ".") != part || strings.ContainsFunc(part, func(r rune) bool { return r > '~' || strings.ContainsRune(`\/:*?"<>| `, r) }) {
				t.Fatalf("a part of %q is no name of a file", name)
			}
		}
		if other, ok := paths[name]; ok && other != run {
			t.Fatalf("%q is the path of %q and %q", name, run, other)
		}
		paths[name] = run
	})
}
