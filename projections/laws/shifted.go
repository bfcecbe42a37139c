package laws

import (
	"fmt"
	"math"
	"reflect"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// fourCenturies is the span after which the calendar repeats: the same days of the
// week, months and leap years.
const fourCenturies = 146097 * 24 * 60 * 60 * 1000

// shifted is the law that the same run 400 years later has the same rows, except that the times in
// them are 400 years later. It finds a time of 0 that is taken for none, and times in integers that
// are too small.
//
// Numbers may be times in milliseconds, or in other units of a calendar.
func shifted[R comparable](newProjection maker[R], stream []domain.Entry) error {
	before := observe(newProjection()).apply(inRange(stream, 0)...).outcome()
	later := observe(newProjection()).apply(inRange(stream, fourCenturies)...).outcome()
	if err := moved("final", later.final, before.final); err != nil {
		return err
	}
	return moved("open", later.open, before.open)
}

// inRange returns the stream with clocks of the first 69 years of the epoch, and
// shifts them.
func inRange(stream []domain.Entry, shift int64) []domain.Entry {
	moved := make([]domain.Entry, len(stream))
	for i, entry := range stream {
		if moved[i] = entry; entry.Kind != domain.NoEvent {
			moved[i].AtMs = entry.AtMs&(1<<41-1) + shift
		}
	}
	return moved
}

func moved[R comparable](which string, later, before []projections.Row[R]) error {
	if len(later) != len(before) {
		return fmt.Errorf("with all clocks 400 years on there are %d %s rows, not %d", len(later), which, len(before))
	}
	for i := range later {
		if !movedValue(reflect.ValueOf(later[i]), reflect.ValueOf(before[i])) {
			return fmt.Errorf("with all clocks 400 years on, %s row %d is %+v, and was %+v", which, i, later[i], before[i])
		}
	}
	return nil
}

// movedValue reports whether two values are the same, except for times.
func movedValue(later, before reflect.Value) bool {
	if !later.IsValid() || !before.IsValid() {
		return later.IsValid() == before.IsValid() // such as a nil in an interface
	}
	if later.Type() != before.Type() {
		return false
	}
	switch later.Kind() {
	case reflect.Struct:
		for i := range later.NumField() {
			if !movedValue(later.Field(i), before.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Array:
		for i := range later.Len() {
			if !movedValue(later.Index(i), before.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Interface:
		return movedValue(later.Elem(), before.Elem())
	case reflect.Float32, reflect.Float64:
		return later.Equal(before) || isShift(later.Float()-before.Float())
	}
	switch {
	case later.CanInt():
		return later.Int() == before.Int() || isShift(float64(later.Int()-before.Int()))
	case later.CanUint():
		return later.Uint() == before.Uint() || isShift(float64(later.Uint()-before.Uint()))
	}
	return later.Equal(before)
}

// isShift reports whether a time has moved by 400 years: in ms, µs, seconds, minutes,
// hours, days, weeks, months or years.
func isShift(by float64) bool {
	for _, unit := range []float64{1, 1e-3, 1e3, 60e3, 3600e3, 86400e3, 604800e3} {
		if math.Abs(by-fourCenturies/unit) < 0.01 {
			return true
		}
	}
	return by == 400 || by == 4800
}
