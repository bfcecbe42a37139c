package domain_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

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
