package laws

import (
	"math"
	"strings"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// Text generates texts for commands and ids of jobs: mostly plain words, and anything that a wire
// format could mishandle.
func Text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z][a-z ./-]{0,12}`),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab \"\\/\b\f\n\r\t\x00\x01\x1b\x1f\x7f<>&'é√日\u2028\uFEFF\uFFFD😀")), 0, 20, -1),
		rapid.String(),
	)
}

// Cmd generates commands: two in three are common ones, so that they occur again.
func Cmd() *rapid.Generator[string] {
	common := rapid.SampledFrom([]string{"make", "test"})
	return rapid.OneOf(common, common, Text())
}

// JobID generates ids from a small set, so that events concern the same jobs.
func JobID() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "b", "c", "", "long-enough-to-need-two-words", "a\"\\\n", "日本"})
}

// AtMs generates times: small ones that collide and go backwards, realistic ones, and those whose
// differences overflow int64.
func AtMs() *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.Int64Range(0, 50),
		rapid.Int64Range(-5, 5),
		rapid.Int64Range(1795444880000, 1795444890000),
		rapid.Int64(),
		rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64 - 1, math.MaxInt64, 1e15, 99999999, 100000000}),
	)
}

// ExitCode generates exit codes, 0 more often than not.
func ExitCode() *rapid.Generator[int32] {
	return rapid.OneOf(
		rapid.Just(int32(0)),
		rapid.Int32Range(0, 3),
		rapid.SampledFrom([]int32{-1, 9, 10, 127, 137, math.MinInt32, math.MaxInt32}),
	)
}

// Outcome generates outcomes.
func Outcome() *rapid.Generator[domain.Outcome] {
	return rapid.SampledFrom([]domain.Outcome{domain.Complete, domain.Failed})
}

// Labels generates the labels of a run, often none.
func Labels() *rapid.Generator[domain.Labels] {
	label := rapid.Custom(func(t *rapid.T) domain.Label {
		key := rapid.OneOf(rapid.SampledFrom([]string{"ref", "repo", "sha", "url", "at_ms", "a\"\\\n", "日本", "3:", strings.Repeat("k", domain.MaxLabelKey)}),
			rapid.StringN(1, 8, domain.MaxLabelKey))
		value := rapid.OneOf(Text(), rapid.Just(strings.Repeat("v", domain.MaxLabelValue)))
		return domain.Label{Key: key.Draw(t, "key"), Value: value.Draw(t, "value")}
	})
	return rapid.Custom(func(t *rapid.T) domain.Labels {
		keyOf := func(l domain.Label) string { return l.Key }
		labels := rapid.OneOf(
			rapid.Just[[]domain.Label](nil), rapid.SliceOfNDistinct(label, 0, 4, keyOf), rapid.SliceOfNDistinct(label, 5, domain.MaxLabels, keyOf),
		).Draw(t, "labels")
		made, err := domain.NewLabels(labels...)
		if err != nil {
			t.Fatalf("%q: %v", labels, err)
		}
		return made
	})
}

// Event generates events of all kinds.
func Event() *rapid.Generator[domain.Event] { return eventOf(anyKind, JobID(), AtMs()) }

// eventOf generates events of some kinds, with ids of jobs and times from the generators.
func eventOf(kinds []domain.Kind, job *rapid.Generator[string], clock *rapid.Generator[int64]) *rapid.Generator[domain.Event] {
	return rapid.Custom(func(t *rapid.T) domain.Event {
		at := clock.Draw(t, "at_ms")
		switch rapid.SampledFrom(kinds).Draw(t, "kind") {
		case domain.JobStarted:
			return domain.NewJobStarted(at, job.Draw(t, "job"))
		case domain.ShStarted:
			return domain.NewShStarted(at, job.Draw(t, "job"), Cmd().Draw(t, "cmd"))
		case domain.ShFinished:
			return domain.NewShFinished(at, job.Draw(t, "job"), ExitCode().Draw(t, "exit_code"))
		case domain.JobFinished:
			return domain.NewJobFinished(at, job.Draw(t, "job"), Outcome().Draw(t, "outcome"))
		case domain.RunFinished:
			return domain.NewRunFinished(at, Outcome().Draw(t, "outcome"))
		case domain.RunStarted:
			return domain.NewRunStarted(at, Labels().Draw(t, "labels"))
		}
		return unknown(t, at, job)
	})
}

// anyKind lists all kinds. Simple ones come first, because rapid shrinks towards them. Kinds that
// come in pairs are listed more than once: little can go wrong after a job is final.
var anyKind = []domain.Kind{
	domain.JobStarted, domain.ShStarted, domain.ShFinished, domain.JobFinished,
	domain.JobStarted, domain.ShStarted, domain.ShFinished,
	domain.ShStarted, domain.ShFinished,
	domain.Unknown, domain.RunFinished, domain.RunStarted,
}

// shKinds are the kinds of events of a job that never ends.
var shKinds = []domain.Kind{domain.ShStarted, domain.ShFinished}

func unknown(t *rapid.T, at int64, job *rapid.Generator[string]) domain.Event {
	typ := rapid.SampledFrom([]string{"job_queued", "", "sh_started ", "Job_started", "日"}).Draw(t, "unknown")
	extra := rapid.SampledFrom([]string{"", `{"attempt":1}`, `{"a":[1,{"b":null}],"cmd":true}`, `{"labels":{"a":1}}`}).Draw(t, "extra")
	event := domain.NewUnknown(at, typ, extra)
	if rapid.Bool().Draw(t, "named") {
		return event.InJob(job.Draw(t, "job"))
	}
	return event
}
