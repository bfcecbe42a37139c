package laws

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What may be another value 400 years later, and what may not.
func TestMovedValue(t *testing.T) {
	type times struct {
		at    any
		other [1]float64
		year  uint16
	}
	const at = int64(1795444880217)
	later := time.UnixMilli(at + fourCenturies).UTC()
	for _, test := range []struct {
		name          string
		later, before any
		want          bool
	}{
		{"nothing", nil, nil, true},
		{"ms", at + fourCenturies, at, true},
		{"seconds", (at + fourCenturies) / 1000, at / 1000, true},
		{"days", int32((at + fourCenturies) / 86400e3), int32(at / 86400e3), true},
		{"a time", later, time.UnixMilli(at).UTC(), true},
		{"all at once", times{later, [1]float64{float64(at+fourCenturies) / 1e3}, 2426}, times{time.UnixMilli(at).UTC(), [1]float64{float64(at) / 1e3}, 2026}, true},
		{"a ms more", at + fourCenturies + 1, at, false},
		{"text", "2426", "2026", false},
		{"another type", at, int32(7), false},
		{"none any more", nil, at, false},
		{"one of several", times{later, [1]float64{1}, 2026}, times{later, [1]float64{2}, 2026}, false},
	} {
		assert.Equal(t, test.want, movedValue(reflect.ValueOf(&test.later).Elem(), reflect.ValueOf(&test.before).Elem()), test.name)
	}
}
