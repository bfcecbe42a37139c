package display

import (
	"fmt"
	"time"

	"github.com/quire-ci/quire-project/projections"
)

// Duration writes milliseconds as 417ms, 12.4s, 1m12.4s or 2h03m12s.
func Duration(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%dms", ms)
	}
	tenths := ms / 100
	if ms%100 >= 50 {
		tenths++
	}
	minutes, tenths := tenths/600, tenths%600
	switch {
	case minutes == 0:
		return fmt.Sprintf("%d.%ds", tenths/10, tenths%10)
	case minutes < 60:
		return fmt.Sprintf("%dm%02d.%ds", minutes, tenths/10, tenths%10)
	}
	return fmt.Sprintf("%dh%02dm%02ds", minutes/60, minutes%60, tenths/10)
}

// Maybe writes a duration that may be null.
func Maybe(ms projections.Null[int64]) string {
	if !ms.Valid {
		return "–"
	}
	return Duration(ms.V)
}

// maxQuiet is how long the latest event of a run can have been ago if the run is still taken for running.
const maxQuiet = 24 * time.Hour

// Present returns the time up to which what is open in a run has been running, by the producer's clock, given
// the time of the run's latest event. That is the local time, if the producer's clock can agree with it. heard
// is false if the latest event is so old that nobody can say whether the run goes on; the present is then the
// time of that event.
func Present(last int64, now time.Time) (at int64, heard bool) {
	at = now.UnixMilli()
	if at < last {
		return last, true
	}
	if quiet := projections.Span(last, at); !quiet.Valid || quiet.V > maxQuiet.Milliseconds() {
		return last, false
	}
	return at, true
}

// Clock writes a producer's time, if it is between the years 1970 and 9999.
func Clock(ms projections.Null[int64]) string {
	const year10000 = 253402300800000
	if !ms.Valid || ms.V < 0 || ms.V >= year10000 {
		return "–"
	}
	return time.UnixMilli(ms.V).UTC().Format("2006-01-02 15:04:05 UTC")
}
