package jsonl

import (
	"errors"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
	"github.com/quire-ci/quire-project/domain"
)

// ErrNotWritable is returned for an event that the wire has no line for: one
// without a kind or outcome, or one whose Extra is not the text that its
// constructor makes.
var ErrNotWritable = errors.New("jsonl: the event has no form on the wire")

// Append appends event as the wire has it, one line with its line feed.
func Append(dst []byte, event *domain.Event) ([]byte, error) {
	start := len(dst)
	dst = append(dst, `{"at_ms":`...)
	dst = jsonenc.AppendInt(dst, event.AtMs)
	dst = append(dst, `,"type":`...)
	if event.Kind == domain.Unknown {
		return appendUnknown(dst, start, event)
	}
	dst = append(dst, '"')
	dst = append(dst, event.Kind.String()...)
	dst = append(dst, '"')
	if event.Kind == domain.RunStarted {
		return appendLabels(dst, start, event)
	}
	if event.Kind != domain.RunFinished {
		dst = append(dst, `,"job_id":`...)
		dst = jsonenc.AppendString(dst, event.JobID)
	}
	switch event.Kind {
	case domain.JobStarted:
	case domain.ShStarted:
		dst = append(dst, `,"cmd":`...)
		dst = jsonenc.AppendString(dst, event.Cmd)
	case domain.ShFinished:
		dst = append(dst, `,"exit_code":`...)
		dst = jsonenc.AppendInt(dst, int64(event.ExitCode))
	case domain.JobFinished, domain.RunFinished:
		outcome, ok := outcomeName(event.Kind, event.Outcome)
		if !ok {
			return dst[:start], ErrNotWritable
		}
		dst = append(dst, `,"outcome":"`...)
		dst = append(dst, outcome...)
		dst = append(dst, '"')
	default:
		return dst[:start], ErrNotWritable
	}
	return append(dst, '}', '\n'), nil
}

// appendUnknown writes an event of a type that has no writer of its own.
func appendUnknown(dst []byte, start int, event *domain.Event) ([]byte, error) {
	dst = jsonenc.AppendString(dst, event.Type)
	if event.HasJob {
		dst = append(dst, `,"job_id":`...)
		dst = jsonenc.AppendString(dst, event.JobID)
	}
	if members := len(event.Extra) - 1; members > 1 {
		dst = append(dst, ',')
		dst = append(dst, event.Extra[1:members]...)
	}
	return closeChecked(dst, start, event)
}

// appendLabels writes the rest of a RunStarted. No labels are written as none.
func appendLabels(dst []byte, start int, event *domain.Event) ([]byte, error) {
	before := `,"labels":{`
	for label := range event.Labels().All() {
		dst = append(dst, before...)
		dst = append(jsonenc.AppendString(dst, label.Key), ':')
		dst = jsonenc.AppendString(dst, label.Value)
		before = ","
	}
	if before == "," {
		dst = append(dst, '}')
	}
	return closeChecked(dst, start, event)
}

// closeChecked ends the line that begins at start, and reads it back to be sure
// that what Extra holds is what the event's constructor asks for.
func closeChecked(dst []byte, start int, event *domain.Event) ([]byte, error) {
	dst = append(dst, '}')
	back, fault := decodeGeneral(dst[start:])
	if fault != nil || back != *event {
		return dst[:start], ErrNotWritable
	}
	return append(dst, '\n'), nil
}

// outcomeName is how the wire spells an outcome: for a job and for a run.
func outcomeName(kind domain.Kind, outcome domain.Outcome) (string, bool) {
	switch {
	case kind == domain.JobFinished && outcome == domain.Complete:
		return "complete", true
	case kind == domain.JobFinished && outcome == domain.Failed:
		return "failed", true
	case kind == domain.RunFinished && outcome == domain.Complete:
		return "succeeded", true
	case kind == domain.RunFinished && outcome == domain.Failed:
		return "pipeline_failure", true
	}
	return "", false
}

// outcomeOf reads an outcome. Later producers write "succeeded" for a job too.
func outcomeOf(kind domain.Kind, name string) (domain.Outcome, bool) {
	switch {
	case kind == domain.JobFinished && (name == "complete" || name == "succeeded"):
		return domain.Complete, true
	case kind == domain.JobFinished && name == "failed":
		return domain.Failed, true
	case kind == domain.RunFinished && name == "succeeded":
		return domain.Complete, true
	case kind == domain.RunFinished && name == "pipeline_failure":
		return domain.Failed, true
	}
	return domain.NoOutcome, false
}
