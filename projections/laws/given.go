package laws

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Example is an example of a projection, see [Given].
type Example[R comparable] struct {
	t             testing.TB
	newProjection maker[R]
	past, events  []domain.Event
	changes       bool // only the rows that the latest events have added or changed
}

// Given begins an example of a projection: events, followed by Then with the rows that they give.
//
//	laws.Given(t, FailedByJob,
//		domain.NewShStarted(1, "build", "make"),
//		domain.NewShFinished(2, "build", 2),
//	).Then(FailedSh{"build", 1})
func Given[R comparable](t testing.TB, of *projections.Defined[R], events ...domain.Event) *Example[R] {
	return &Example[R]{t: t, newProjection: of.New, events: events}
}

// When adds events. Then is about the rows that they add or change.
func (e *Example[R]) When(events ...domain.Event) *Example[R] {
	return &Example[R]{t: e.t, newProjection: e.newProjection, past: slices.Concat(e.past, e.events), events: events, changes: true}
}

// Then requires these rows, in order of their index, and reports differences.
func (e *Example[R]) Then(rows ...R) *Example[R] {
	e.t.Helper()
	e.demand("rows", e.rows(func(projections.Row[R]) bool { return true }), rows)
	return e
}

// ThenFinal requires that exactly these rows are final, in order of their index.
func (e *Example[R]) ThenFinal(rows ...R) *Example[R] {
	e.t.Helper()
	e.demand("final rows", e.rows(func(row projections.Row[R]) bool { return row.Final }), rows)
	return e
}

func (e *Example[R]) rows(which func(projections.Row[R]) bool) (values []R) {
	stream := Entries(slices.Concat(e.past, e.events))
	o := observe(e.newProjection()).apply(stream[:len(e.past)]...)
	before := o.outcome().rows()
	for _, row := range o.apply(stream[len(e.past):]...).outcome().rows() {
		if which(row) && !(e.changes && slices.Contains(before, row)) {
			values = append(values, row.Value)
		}
	}
	return values
}

func (e *Example[R]) demand(what string, got, want []R) {
	e.t.Helper()
	if slices.Equal(got, want) {
		return
	}
	text := "given\n" + lines("\t", e.events, eventSource)
	if e.changes {
		text = "given\n" + lines("\t", e.past, eventSource) + "when\n" + lines("\t", e.events, eventSource)
	}
	e.t.Errorf("%sthen the %s (- wanted, + there):\n%s", text, what, compared(texts(want), texts(got)))
}

func texts[R any](rows []R) []string {
	all := make([]string, len(rows))
	for i, row := range rows {
		all[i] = fmt.Sprintf("%+v", row)
	}
	return all
}

// compared returns the lines of want and got, with a sign where they differ.
func compared(want, got []string) string {
	var b strings.Builder
	for i := range max(len(want), len(got)) {
		switch {
		case i < len(want) && i < len(got) && want[i] == got[i]:
			fmt.Fprintf(&b, "\t  %s\n", want[i])
			continue
		case i < len(want):
			fmt.Fprintf(&b, "\t- %s\n", want[i])
		}
		if i < len(got) {
			fmt.Fprintf(&b, "\t+ %s\n", got[i])
		}
	}
	return b.String()
}
