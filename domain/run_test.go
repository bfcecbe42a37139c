package domain_test

import (
	"testing"

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
		if got := domain.RunIDOf(file); got != want {
			t.Errorf("RunIDOf(%q) = %q, want %q", file, got, want)
		}
	}
}

func TestKindNames(t *testing.T) {
	for _, kind := range []domain.Kind{domain.JobStarted, domain.JobFinished, domain.ShStarted, domain.ShFinished, domain.RunFinished, domain.RunStarted} {
		if got := domain.KindOf(kind.String()); got != kind {
			t.Errorf("KindOf(%q) = %v", kind.String(), got)
		}
	}
	for _, name := range []string{"", "unknown", "job_completed", "Job_started", "sh_started "} {
		if got := domain.KindOf(name); got != domain.Unknown {
			t.Errorf("KindOf(%q) = %v, want Unknown", name, got)
		}
	}
}

// What is not UTF-8 cannot be written on the wire; an event never holds it.
func TestConstructorsMakeTextValid(t *testing.T) {
	e := domain.NewShStarted(1, "a\xff", "\xc3(")
	if e.JobID != "a\uFFFD" || e.Cmd != "\uFFFD(" {
		t.Errorf("NewShStarted kept invalid UTF-8: %+q %+q", e.JobID, e.Cmd)
	}
}
