package jsonl

import (
	"errors"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
	"github.com/quire-ci/quire-project/domain"
)

// ErrNotWritable is returned for an event that has no line in a stream: one without a
// kind or outcome, or with an Extra that its constructor does not make.
var ErrNotWritable = errors.New("jsonl: the event has no form on the wire")

// Append appends event as one line with its line feed. It returns [ErrNotWritable] and dst
// unchanged if the event has no line.
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

// appendUnknown appends the rest of an event of an unknown type.
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

// appendLabels appends the rest of a RunStarted. If there are no labels, it appends no
// member.
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

// closeChecked ends the line that begins at start, and decodes it again to check that
// Extra is a text of the event's constructor.
func closeChecked(dst []byte, start int, event *domain.Event) ([]byte, error) {
	dst = append(dst, '}')
	back, fault := decodeGeneral(dst[start:])
	if fault != nil || back != *event {
		return dst[:start], ErrNotWritable
	}
	return append(dst, '\n'), nil
}

// outcomeName returns the name of an outcome on the wire, of a job or of a run.
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

// outcomeOf returns the outcome with this name. Later producers write "succeeded" for a
// job too.
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
