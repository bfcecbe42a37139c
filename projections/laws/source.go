package laws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// RunStarted returns the event that opens a run with labels. It panics if the labels are invalid.
func RunStarted(atMs int64, labels ...domain.Label) domain.Event {
	of, err := domain.NewLabels(labels...)
	if err != nil {
		panic(err)
	}
	return domain.NewRunStarted(atMs, of)
}

// source returns the Go source of a stream.
func source(stream []domain.Entry) string {
	events := make([]domain.Event, len(stream))
	for i := range stream {
		events[i] = stream[i].Event
	}
	if slices.Equal(Entries(events), stream) {
		return fmt.Sprintf("\tlaws.Entries([]domain.Event{\n%s\t})", lines("\t\t", events, eventSource))
	}
	return fmt.Sprintf("\t[]domain.Entry{\n%s\t}", lines("\t\t", stream, entrySource))
}

// lines returns a line for each element.
func lines[T any](indent string, of []T, text func(*T) string) string {
	var b strings.Builder
	for i := range of {
		fmt.Fprintf(&b, "%s%s,\n", indent, text(&of[i]))
	}
	return b.String()
}

func entrySource(e *domain.Entry) string {
	position := fmt.Sprintf("Position: domain.Position{Line: %d, Offset: %d}", e.Line, e.Offset)
	switch e.Fault {
	case domain.Malformed:
		return "{" + position + ", Fault: domain.Malformed}"
	case domain.Torn:
		return "{" + position + ", Fault: domain.Torn}"
	}
	return fmt.Sprintf("{Event: %s, %s}", eventSource(&e.Event), position)
}

func eventSource(e *domain.Event) string {
	switch e.Kind {
	case domain.JobStarted:
		return fmt.Sprintf("domain.NewJobStarted(%d, %q)", e.AtMs, e.JobID)
	case domain.JobFinished:
		return fmt.Sprintf("domain.NewJobFinished(%d, %q, %s)", e.AtMs, e.JobID, outcomeSource(e.Outcome))
	case domain.ShStarted:
		return fmt.Sprintf("domain.NewShStarted(%d, %q, %q)", e.AtMs, e.JobID, e.Cmd)
	case domain.ShFinished:
		return fmt.Sprintf("domain.NewShFinished(%d, %q, %d)", e.AtMs, e.JobID, e.ExitCode)
	case domain.RunFinished:
		return fmt.Sprintf("domain.NewRunFinished(%d, %s)", e.AtMs, outcomeSource(e.Outcome))
	case domain.RunStarted:
		labels := e.Labels()
		return fmt.Sprintf("laws.RunStarted(%d%s)", e.AtMs, labelsSource(&labels))
	case domain.Unknown:
		text := fmt.Sprintf("domain.NewUnknown(%d, %q, %q)", e.AtMs, e.Type, e.Extra)
		if e.HasJob {
			text += fmt.Sprintf(".InJob(%q)", e.JobID)
		}
		return text
	}
	return "domain.Event{}"
}

func labelsSource(labels *domain.Labels) (text string) {
	for label := range labels.All() {
		text += fmt.Sprintf(", domain.Label{Key: %q, Value: %q}", label.Key, label.Value)
	}
	return text
}

func outcomeSource(o domain.Outcome) string {
	return "domain." + [...]string{domain.NoOutcome: "NoOutcome", domain.Complete: "Complete", domain.Failed: "Failed"}[o]
}
