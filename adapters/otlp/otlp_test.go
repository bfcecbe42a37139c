package otlp

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/cicd"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// entries is a stream that yields a few entries at a time.
type entries []domain.Entry

func (e *entries) Next() ([]domain.Entry, error) {
	if len(*e) == 0 {
		return nil, io.EOF
	}
	n := min(len(*e), 3)
	batch := (*e)[:n]
	*e = (*e)[n:]
	return batch, nil
}

const runID = domain.RunID("run-1")

// write returns the lines of a run.
func write(t rapid.TB, stream []domain.Entry, options Options) string {
	var out bytes.Buffer
	w := NewWriter(&out, options)
	left := entries(stream)
	_, err := w.Add(runID, &left, report.Options{})
	require.NoError(t, errors.Join(err, w.Close()))
	return out.String()
}

// read decodes lines as a collector does.
func read(t rapid.TB, lines string) (all []ptrace.Traces) {
	for line := range strings.Lines(lines) {
		require.LessOrEqual(t, len(line), 1<<20, "a collector reads lines of up to 1 MiB")
		decoder := ptrace.JSONUnmarshaler{DisallowUnknownFields: true}
		traces, err := decoder.UnmarshalTraces([]byte(line))
		require.NoError(t, err)
		all = append(all, traces)
	}
	return all
}

// decoded is a span as read back, with the attributes of its resource.
type decoded struct {
	ptrace.Span
	resource map[string]any
}

func (d *decoded) attr(key string) any { return d.Attributes().AsRaw()[key] }

// spansOf returns the spans of some messages, in order.
func spansOf(t rapid.TB, all []ptrace.Traces) (found []decoded) {
	for _, traces := range all {
		for _, of := range traces.ResourceSpans().All() {
			assert.Equal(t, SchemaURL, of.SchemaUrl())
			for _, scoped := range of.ScopeSpans().All() {
				assert.Equal(t, SchemaURL, scoped.SchemaUrl())
				assert.NotZero(t, scoped.Spans().Len())
				for _, span := range scoped.Spans().All() {
					found = append(found, decoded{span, of.Resource().Attributes().AsRaw()})
				}
			}
		}
	}
	return found
}

// The spans of any stream correspond to its rows, one for each, with the right parents, and with
// the times, results and attributes that the conventions require.
func TestSpansAreTheRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := rapid.OneOf(laws.Streams(), laws.StreamsOf(laws.Long())).Draw(t, "stream")
		options := Options{Commands: rapid.Bool().Draw(t, "commands"), AssumeEnded: rapid.Bool().Draw(t, "ended")}
		left := entries(stream)
		record, err := projections.Project(runID, &left)
		require.NoError(t, err)
		byID := map[pcommon.SpanID]*decoded{}
		for _, span := range spansOf(t, read(t, write(t, stream, options))) {
			require.Nil(t, byID[span.SpanID()], "two spans have an id")
			byID[span.SpanID()] = &span
			assert.Equal(t, TraceID(runID), span.TraceID())
			assert.LessOrEqual(t, span.StartTimestamp(), span.EndTimestamp())
			assert.NotEmpty(t, span.Name())
			checkError(t, &span)
		}
		checked := 0
		take := func(id, parent pcommon.SpanID, kind ptrace.SpanKind) *decoded {
			span := byID[id]
			require.NotNil(t, span, "a row has no span")
			assert.Equal(t, parent, span.ParentSpanID())
			assert.Equal(t, kind, span.Kind())
			checked++
			return span
		}
		states := map[string]projections.State{}
		for _, job := range record.Jobs {
			states[job.JobID] = job.State
			span := take(JobSpan(runID, job.JobID), RunSpan(runID), ptrace.SpanKindInternal)
			checkTask(t, span, job.JobID, map[projections.State]cicd.Result{projections.Active: cicd.Error, projections.Complete: cicd.Success, projections.Failed: cicd.Failure}[job.State])
			checkTimes(t, span, record, job.StartedAtMs, job.FinishedAtMs)
		}
		for _, sh := range record.ShEvents {
			span := take(CommandSpan(runID, sh.JobID, sh.Seq), JobSpan(runID, sh.JobID), ptrace.SpanKindInternal)
			result := cicd.Success
			switch {
			case !sh.ExitCode.Valid:
				result = cicd.Error
			case sh.ExitCode.V != 0 && states[sh.JobID] != projections.Complete:
				result = cicd.Failure
			}
			checkTask(t, span, sh.JobID, result)
			checkTimes(t, span, record, projections.Some(sh.StartedAtMs), sh.FinishedAtMs)
			assert.Equal(t, int64(sh.Seq), span.attr("quire.seq"))
			if sh.ExitCode.Valid {
				assert.Equal(t, int64(sh.ExitCode.V), span.attr("process.exit.code"))
			} else {
				assert.Nil(t, span.attr("process.exit.code"))
			}
			text, _ := span.attr("process.command_line").(string)
			assert.Equal(t, options.Commands && sh.Cmd != "", text != "")
			if options.Commands && len(sh.Cmd) <= maxCommand {
				assert.Equal(t, sh.Cmd, text)
			}
		}
		if record.Run.Events > 0 {
			span := take(RunSpan(runID), pcommon.SpanID{}, ptrace.SpanKindServer)
			state, over := record.Run.State, record.Run.Ended || options.AssumeEnded && record.Run.State != projections.Active
			result, finished := cicd.Error, projections.Null[int64]{}
			if over {
				result, finished = map[projections.State]cicd.Result{projections.Complete: cicd.Success, projections.Failed: cicd.Failure}[state], record.Timings.Run.LastAtMs
			}
			assert.Equal(t, string(result), span.attr("cicd.pipeline.result"))
			checkTimes(t, span, record, record.Timings.Run.StartedAtMs, finished)
			checkLabels(t, span, record.Labels)
		}
		assert.Len(t, byID, checked, "each span is of a row")
	})
}

func checkTask(t rapid.TB, span *decoded, job string, result cicd.Result) {
	assert.Equal(t, string(result), span.attr("cicd.pipeline.task.run.result"))
	assert.Equal(t, span.SpanID().String(), span.attr("cicd.pipeline.task.run.id"))
	assert.IsType(t, "", span.attr("cicd.pipeline.task.name"))
	if len(job) <= maxName {
		assert.Equal(t, job, span.attr("quire.job_id"))
	}
}

// checkError checks that a span has an error type and an error status if and only if it was not
// successful.
func checkError(t rapid.TB, span *decoded) {
	result := span.attr("cicd.pipeline.task.run.result")
	if span.Kind() == ptrace.SpanKindServer {
		result = span.attr("cicd.pipeline.result")
	}
	types := map[any][]any{"success": {nil}, "failure": {"pipeline_failure", "job_failed", "nonzero_exit"}, "error": {"incomplete"}}[result]
	assert.Contains(t, types, span.attr("error.type"), "%v", result)
	assert.Equal(t, result != "success", span.Status().Code() == ptrace.StatusCodeError)
}

// checkTimes checks that a span has the times of its row, or an attribute that says why not.
func checkTimes(t rapid.TB, span *decoded, record *projections.Record, started, finished projections.Null[int64]) {
	assert.Equal(t, !finished.Valid, span.attr("quire.incomplete") == true)
	end := finished.V
	if !finished.Valid {
		end = record.Timings.Run.LastAtMs.V
	}
	inside := func(ms int64) bool { return ms >= 0 && ms <= 9223372036854 }
	known := started.Valid && started.V <= end && inside(started.V) && inside(end)
	assert.Equal(t, !known, span.attr("quire.duration_unknown") == true)
	if known {
		assert.Equal(t, started.V, int64(span.StartTimestamp())/1e6)
		assert.Equal(t, end, int64(span.EndTimestamp())/1e6)
		return
	}
	for key, at := range map[string]projections.Null[int64]{"quire.started_at_ms": started, "quire.finished_at_ms": finished} {
		if at.Valid {
			assert.Equal(t, at.V, span.attr(key))
		} else {
			assert.Nil(t, span.attr(key))
		}
	}
}

func checkLabels(t rapid.TB, span *decoded, labels []projections.Label) {
	assert.Equal(t, string(runID), span.resource["cicd.pipeline.run.id"])
	for _, label := range labels {
		if !slices.Contains([]string{"repo", "ref", "sha", "url", "pipeline"}, label.Key) && len(label.Value) <= maxLabel {
			assert.Equal(t, label.Value, span.resource["quire.label."+label.Key])
		}
	}
}

// Each span is sent once: when its row is final or, if its command waits for the job, when the
// job's row is. The same stream gives the same bytes.
func TestSpansComeWithTheRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		sent := map[pcommon.SpanID]bool{}
		out := newBatch(func(traces ptrace.Traces) error {
			for _, span := range spansOf(t, []ptrace.Traces{traces}) {
				require.False(t, sent[span.SpanID()], "a span is sent twice")
				sent[span.SpanID()] = true
			}
			return nil
		})
		fold, _ := newFold(runID, out, Options{})
		record, rows := projections.NewRecord(runID)
		for i := range stream {
			fold.Apply(&stream[i])
			rows.Apply(&stream[i])
			out.flush()
		}
		final, want := map[string]bool{}, 0
		for _, job := range record.Jobs { // with gaps where rows are not final
			if job.FinishedAtMs.Valid {
				final[job.JobID] = true
				want++
			}
		}
		for _, sh := range record.ShEvents {
			if sh.ExitCode.Valid && (sh.ExitCode.V == 0 || final[sh.JobID]) {
				want++
			}
		}
		assert.Len(t, sent, want)
		assert.Equal(t, write(t, stream, Options{Commands: true}), write(t, stream, Options{Commands: true}))
	})
}

// Memory follows what is open.
func TestNothingIsHeldOfWhatHasEnded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		fold, spans := newFold(runID, newBatch(func(ptrace.Traces) error { return nil }), Options{})
		for i := range stream {
			fold.Apply(&stream[i])
		}
		for job := range fold.Run().Jobs() {
			if job.Final {
				assert.Empty(t, spans.exits[job.Index])
			}
		}
	})
}

// Batches are bounded, whatever a stream contains.
func TestBatchesAreBounded(t *testing.T) {
	dirt := func(n int) string { return strings.Repeat("\x01", n) }
	var labels []domain.Label
	for i := range domain.MaxLabels - 2 {
		labels = append(labels, domain.Label{Key: strings.Repeat("\x02", 62) + string(rune('!'+i)), Value: dirt(domain.MaxLabelValue)})
	}
	labels = append(labels, domain.Label{Key: "url", Value: "https://ci.example/" + strings.Repeat("r", 1000)}, domain.Label{Key: "repo", Value: dirt(4000)})
	events := []domain.Event{laws.RunStarted(1, labels...)}
	for i := range 300 {
		events = append(events, domain.NewShStarted(2, dirt(2000), dirt(1000*(i%20))), domain.NewShFinished(3, dirt(2000), 0))
	}
	all := spansOf(t, read(t, write(t, laws.Entries(events), Options{Commands: true})))
	assert.Len(t, all, 302)
	var sizes ptrace.ProtoMarshaler
	for _, traces := range read(t, write(t, laws.Entries(events), Options{Commands: true})) {
		assert.Less(t, sizes.TracesSize(traces), 2*maxBatch)
	}
}

// Different parts give different ids, and no id is all zeros. Ids never change between versions:
// for a collector, a span with another id is a new one.
func TestIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type key struct {
			run, job string
			seq      int
		}
		draw := rapid.Custom(func(t *rapid.T) key {
			text := rapid.StringOf(rapid.SampledFrom([]rune("ab/\x00\x01")))
			return key{text.Draw(t, "run"), text.Draw(t, "job"), rapid.IntRange(0, 300).Draw(t, "seq")}
		})
		keys := rapid.SliceOfDistinct(draw, rapid.ID).Draw(t, "keys")
		seen := map[pcommon.SpanID]string{}
		for _, k := range keys {
			for name, id := range map[string]pcommon.SpanID{
				"run " + k.run:                  RunSpan(domain.RunID(k.run)),
				"job " + k.run + "\xff" + k.job: JobSpan(domain.RunID(k.run), k.job),
				"command " + k.run + "\xff" + k.job + "\xff" + string(rune(k.seq)): CommandSpan(domain.RunID(k.run), k.job, k.seq),
			} {
				assert.False(t, id.IsEmpty() || TraceID(domain.RunID(k.run)).IsEmpty())
				if before, ok := seen[id]; ok {
					assert.Equal(t, before, name)
				}
				seen[id] = name
			}
		}
	})
	assert.Equal(t, "97a55d7ef6538a0ba6013a48a231cc0f efe9a184aa1cbc5b fbcfd889b8dbe114 bf4a4217be0a4f0c", TraceID("r").String()+" "+RunSpan("r").String()+" "+JobSpan("r", "j").String()+" "+CommandSpan("r", "j", 1).String())
}

// Labels for which the conventions define attributes become resource attributes with these names.
func TestResource(t *testing.T) {
	for _, test := range []struct {
		labels []domain.Label
		want   map[string]any
	}{
		{nil, map[string]any{}},
		{[]domain.Label{{Key: "repo", Value: "https://u:p@example.com/team/app.git"}, {Key: "ref", Value: "refs/heads/a/b"}, {Key: "sha", Value: "1f"}, {Key: "url", Value: "https://u:p@ci.example/7?x=1"}}, map[string]any{
			"cicd.pipeline.name": "app", "cicd.pipeline.run.url.full": "https://ci.example/7?x=1", "vcs.repository.url.full": "https://example.com/team/app", "vcs.repository.name": "app",
			"vcs.ref.head.name": "a/b", "vcs.ref.type": "branch", "vcs.ref.head.revision": "1f",
		}},
		{[]domain.Label{{Key: "repo", Value: "example.com:team/app.git"}, {Key: "ref", Value: "refs/tags/v1"}, {Key: "pipeline", Value: "nightly"}, {Key: "team", Value: "x"}}, map[string]any{
			"cicd.pipeline.name": "nightly", "vcs.repository.name": "app", "vcs.ref.head.name": "v1", "vcs.ref.type": "tag", "quire.label.team": "x",
		}},
		{[]domain.Label{{Key: "repo", Value: "work"}, {Key: "ref", Value: "refs/pull/1/merge"}, {Key: "url", Value: "javascript:alert(1)"}}, map[string]any{
			"cicd.pipeline.name": "work", "vcs.repository.name": "work", "vcs.ref.head.name": "refs/pull/1/merge",
		}},
	} {
		test.want["service.name"], test.want["cicd.pipeline.run.id"] = "quire-ci", string(runID)
		all := spansOf(t, read(t, write(t, laws.Entries([]domain.Event{laws.RunStarted(1, test.labels...)}), Options{})))
		assert.Equal(t, test.want, all[0].resource)
	}
}

// Names of spans have few different values, unless the texts of commands are included; and a task
// has an address if the run has one.
func TestNames(t *testing.T) {
	stream := laws.Entries([]domain.Event{
		laws.RunStarted(1, domain.Label{Key: "repo", Value: "app"}, domain.Label{Key: "url", Value: "https://ci.example/7"}),
		domain.NewJobStarted(2, "a b"), domain.NewShStarted(3, "a b", "\ngo test ./...\nx"), domain.NewShFinished(4, "a b", 0), domain.NewJobFinished(5, "a b", domain.Complete),
	})
	names := func(options Options) (names, addresses []string) {
		for _, span := range spansOf(t, read(t, write(t, stream, options))) {
			names = append(names, span.Name())
			address, _ := span.attr("cicd.pipeline.task.run.url.full").(string)
			addresses = append(addresses, address)
		}
		return names, addresses
	}
	few, addresses := names(Options{})
	assert.Equal(t, []string{"a b/1", "a b", "RUN app"}, few)
	assert.Equal(t, []string{"https://ci.example/7#a%20b/1", "https://ci.example/7#a%20b", ""}, addresses)
	many, _ := names(Options{Commands: true})
	assert.Equal(t, []string{"a b/1 go test ./...", "a b", "RUN app"}, many)
}

// A run without events has no time, and therefore no span.
func TestNoEvents(t *testing.T) {
	assert.Empty(t, write(t, nil, Options{}))
}
