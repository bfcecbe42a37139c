package projections_test

import (
	"slices"
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// The rules that are easy to get wrong, one example each, in the files
// rules_*_test.go. An example gives the rows of one projection.

var (
	jobStarted  = domain.NewJobStarted
	jobFinished = domain.NewJobFinished
	shStarted   = domain.NewShStarted
	shFinished  = domain.NewShFinished
	runFinished = domain.NewRunFinished
)

const (
	complete = domain.Complete
	failed   = domain.Failed
)

func unknown(atMs int64) domain.Event { return domain.NewUnknown(atMs, "job_queued", "") }

func runStarted(atMs int64) domain.Event { return domain.NewRunStarted(atMs, domain.Labels{}) }

func ms(n int64) projections.Null[int64] { return projections.Some(n) }

func code(n int32) projections.Null[int32] { return projections.Some(n) }

func id(job string) projections.Null[string] { return projections.Some(job) }

// null is what is not known, of either type.
var (
	null     projections.Null[int64]
	nullCode projections.Null[int32]
	nullID   projections.Null[string]
)

type events = []domain.Event

type example[R any] struct {
	rule   string
	events events
	want   []R
}

// give checks that the events of each example give the rows that it wants,
// which get takes out of the record.
func give[R comparable](t *testing.T, get func(*projections.Record) []R, examples []example[R]) {
	t.Helper()
	for _, example := range examples {
		t.Run(example.rule, func(t *testing.T) {
			got := get(project(t, example.events...))
			if !slices.Equal(got, example.want) {
				t.Errorf("got  %+v\nwant %+v", got, example.want)
			}
		})
	}
}
