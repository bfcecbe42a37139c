package otlp

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/quire-ci/quire-project/adapters/internal/cicd"
	"github.com/quire-ci/quire-project/projections"
)

// Limits on texts in spans, in bytes. Collectors limit attributes and lines, too.
const (
	maxCommand = 8 << 10
	maxName    = 1 << 10 // of a run or a job
	maxLabel   = 512     // of the value of a label
	maxTitle   = 128     // of a command, in the name of its span
	maxAddress = 2 << 10
)

// clip cuts a text that is longer than max bytes, and ends it with "…".
func clip(text string, max int) string {
	if len(text) <= max {
		return text
	}
	const ellipsis = "…"
	end := max - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// period is when something ran: from its start to its end, in milliseconds.
type period struct{ start, end projections.Null[int64] }

// set sets the times of a span. The span of an open job or command ends with the latest event, at
// lastMs; one without a start begins at its end. If the duration is unknown, the span begins and
// ends at its start. In these cases an attribute says so, and others have the times of the stream.
func (p period) set(span ptrace.Span, lastMs int64) {
	to := span.Attributes()
	end := lastMs
	if p.end.Valid {
		end = p.end.V
	} else {
		to.PutBool(attrIncomplete, true)
	}
	start := end
	if p.start.Valid {
		start = p.start.V
	}
	known := p.start.Valid && projections.Span(start, end).Valid && carried(start) && carried(end)
	span.SetStartTimestamp(timestamp(start))
	span.SetEndTimestamp(timestamp(max(start, end)))
	if known {
		return
	}
	to.PutBool(attrUnknown, true)
	if p.start.Valid {
		to.PutInt(attrStartedMs, p.start.V)
	}
	if p.end.Valid {
		to.PutInt(attrFinishedMs, p.end.V)
	}
}

// maxMs is the latest time that OTLP can express and all readers can parse, in the year 2262.
const maxMs = math.MaxInt64 / int64(time.Millisecond)

func carried(ms int64) bool { return ms >= 0 && ms <= maxMs }

// timestamp returns a time in nanoseconds, or the nearest one that OTLP can express.
func timestamp(ms int64) pcommon.Timestamp {
	return pcommon.Timestamp(min(max(ms, 0), maxMs) * int64(time.Millisecond))
}

// judge sets the result of a span, as the attribute key.
func judge(span ptrace.Span, key string, result cicd.Result, errorType string) {
	span.Attributes().PutStr(key, string(result))
	if result != cicd.Success {
		span.Attributes().PutStr(attrErrorType, errorType)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
}

// command is what a command's span is made of.
type command struct {
	seq  int
	text string // "" unless the texts of commands are sent
	period
	exit projections.Null[int32]
}

// result returns the result of a command. If its job is complete, the command has not failed: the
// job read the exit code and continued.
func (c *command) result(complete bool) (result cicd.Result, errorType string) {
	switch {
	case !c.exit.Valid:
		return cicd.Error, cicd.Incomplete
	case c.exit.V != 0 && !complete:
		return cicd.Failure, cicd.NonzeroExit
	}
	return cicd.Success, ""
}

// taskName returns the name of a command in the form that "quire-project log" accepts.
func taskName(job string, seq int) string { return clip(job, maxName) + "/" + strconv.Itoa(seq) }

// title returns the name of a command's span.
func (c *command) title(job string) string {
	name := taskName(job, c.seq)
	line, _, _ := strings.Cut(strings.TrimSpace(c.text), "\n")
	if line == "" {
		return name
	}
	return name + " " + clip(line, maxTitle)
}
