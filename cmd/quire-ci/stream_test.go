package main

import (
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// failer is what tests and properties have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// record folds a stream, which may be torn but not malformed.
func record(t failer, path string) *projections.Record {
	t.Helper()
	file, err := jsonl.Locate(path).Open()
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer file.Close()
	record, err := projections.Project("run", jsonl.NewReader(file, jsonl.Options{}))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return record
}

// recorded returns the events of a stream, without their times.
func recorded(t failer, path string) []domain.Event {
	t.Helper()
	file, err := jsonl.Locate(path).Open()
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer file.Close()
	var events []domain.Event
	for entry, err := range jsonl.NewReader(file, jsonl.Options{}).All() {
		switch {
		case err != nil:
			t.Fatalf("%v", err)
		case entry.Fault == domain.Sound:
			entry.Event.AtMs = 0
			events = append(events, entry.Event)
		}
	}
	return events
}

// events tells a stream's events in short: "job_started a, sh_finished 0".
func events(t failer, path string) string {
	t.Helper()
	var words []string
	for _, event := range recorded(t, path) {
		switch event.Kind {
		case domain.ShFinished:
			words = append(words, fmt.Sprintf("%v %d", event.Kind, event.ExitCode))
		case domain.JobFinished, domain.RunFinished:
			words = append(words, fmt.Sprintf("%v %v", event.Kind, event.Outcome))
		default:
			words = append(words, fmt.Sprintf("%v %s", event.Kind, event.JobID))
		}
	}
	return strings.Join(words, ", ")
}
