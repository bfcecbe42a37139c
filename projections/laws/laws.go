package laws

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// maker returns a fresh projection, one that has read nothing.
type maker[R comparable] = func() projections.Projection[R]

// law returns an error if the projection breaks the law on one stream.
type law[R comparable] func(newProjection maker[R], stream []domain.Entry) error

// named is a law and the name of its subtest.
type named[R comparable] struct {
	name string
	law  law[R]
}

// Check checks a projection against the laws, each in its own subtest. A mistake in the declaration
// ends the test.
func Check[R comparable](t *testing.T, of *projections.Defined[R], options ...Option) {
	t.Helper()
	o := optionsOf(options)
	laws, err := lawsOf(of, o)
	if err != nil {
		t.Fatal(err)
	}
	newProjection := of.New
	run := func(name string, test func(*testing.T)) {
		if !slices.Contains(o.except, name) {
			t.Run(name, test)
		}
	}
	for _, law := range laws {
		run(law.name, func(t *testing.T) { try(t, o.generator(law.name), newProjection, law) })
	}
	run(nameTimeless, func(t *testing.T) {
		try(t, o.generator(nameTimeless), newProjection, named[R]{nameTimeless, timeless[R](t)})
	})
	run(nameBounded, func(t *testing.T) { fatal(t, bounded(newProjection)) })
	run(nameElsewhere, func(t *testing.T) { fatal(t, elsewhere(t, newProjection, o.generator(nameElsewhere))) })
}

// Hold returns a [Counterexample] if the projection breaks a law on the given stream. It is for
// recorded streams and for fuzz targets. It omits the three laws of [Check] that depend on the
// machine: timeless, bounded and elsewhere.
func Hold[R comparable](of *projections.Defined[R], stream []domain.Entry, options ...Option) error {
	o := optionsOf(options)
	laws, err := lawsOf(of, o)
	if err != nil {
		return err
	}
	for _, law := range laws {
		if slices.Contains(o.except, law.name) {
			continue
		}
		if err := law.hold(of.New, stream); err != nil {
			return smallest(of.New, law, stream, err)
		}
	}
	return nil
}

const nameTotal, nameTimeless, nameBounded, nameElsewhere = "total", "timeless", "bounded", "elsewhere"

// lawsOf returns the laws that concern one stream at a time. The laws after total assume that the
// projection is total.
func lawsOf[R comparable](of *projections.Defined[R], o *settings) ([]named[R], error) {
	if !slices.Contains(projections.Builtin.All(), of.Definition) {
		if _, err := projections.NewSet(of); err != nil {
			return nil, fmt.Errorf("laws: the declaration is wrong: %w", err)
		}
	}
	laws := []named[R]{
		{nameTotal, total[R]},
		{"deterministic", deterministic[R]},
		{"prefixes", prefixes[R]},
		{"final once", finalOnce[R]},
		{"open pure", openPure[R]},
		{"local", local[R]},
		{"parts", parts[R]},
		{"indexed", indexed[R]},
		{"kept", kept[R]},
		{"fitting", fitting(of)},
		{"resumable", resumable[R]},
		{"shifted", shifted[R]},
	}
	if of.Single {
		laws = append(laws, named[R]{"single", single[R]})
	}
	if of.Kinds != nil {
		laws = append(laws, named[R]{"heeded", heeded(of)})
	}
	if of.Keys() != nil {
		laws = append(laws, named[R]{"keys", keys(of)})
	}
	for _, name := range o.except {
		known := slices.ContainsFunc(laws, func(l named[R]) bool { return l.name == name })
		if !known && !slices.Contains([]string{nameTimeless, nameBounded, nameElsewhere}, name) {
			return nil, fmt.Errorf("laws: Except(%q): there is no such law", name)
		}
	}
	if o.jobOf != nil {
		jobOf, ok := o.jobOf.(func(R) string)
		if !ok {
			return nil, fmt.Errorf("laws: Independent takes a %T, and the rows are of another type", o.jobOf)
		}
		laws = append(laws, named[R]{"independent", independent(jobOf)})
	}
	if o.model != nil {
		model, ok := o.model.(func([]domain.Entry) []R)
		if !ok {
			return nil, fmt.Errorf("laws: Model takes a %T, and the rows are of another type", o.model)
		}
		laws = append(laws, named[R]{"model", asModel(model)})
	}
	return laws, nil
}

// hold checks the law. A panic of the projection or of its model breaks the law.
func (l named[R]) hold(newProjection maker[R], stream []domain.Entry) (err error) {
	defer recovered(&err)
	return l.law(newProjection, stream)
}

// recovered, when deferred, turns a panic into an error.
func recovered(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("panic: %v, at %s", cause, panicked())
	}
}

// panicked returns the place of a panic: the innermost function that does not belong to the
// runtime.
func panicked() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(4, callers)])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") || !more {
			return fmt.Sprintf("%s (%s:%d)", frame.Function, filepath.Base(frame.File), frame.Line)
		}
	}
}

// try searches for a stream on which the projection breaks the law. It reduces the stream itself,
// because rapid requires the same message each time and knows nothing about events. So try, and not
// rapid, fails the test.
func try[R comparable](t *testing.T, streams *rapid.Generator[[]domain.Entry], newProjection maker[R], law named[R]) {
	t.Helper()
	rapid.Check(t, func(draw *rapid.T) {
		stream := streams.Draw(draw, "stream")
		if err := law.hold(newProjection, stream); err != nil {
			t.Fatal(smallest(newProjection, law, stream, err))
		}
	})
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// after adds to an error the point of the stream where it was found.
func after(entries int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("after %d entries: %w", entries, err)
}
