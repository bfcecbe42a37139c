package live

import (
	"fmt"

	"github.com/quire-ci/quire-project/projections"
)

// took formats the duration of something that has ended: 417ms, 12.4s, 1m12.4s or 2h03m12s.
func took(ms projections.Null[int64]) string {
	switch {
	case !ms.Valid:
		return "–"
	case ms.V < 1000:
		return fmt.Sprintf("%dms", ms.V)
	}
	switch tenths := ms.V/100 + ms.V%100/50; {
	case tenths < 600:
		return fmt.Sprintf("%d.%ds", tenths/10, tenths%10)
	case tenths < 36000:
		return fmt.Sprintf("%dm%02d.%ds", tenths/600, tenths/10%60, tenths%10)
	}
	return running(ms)
}

// running formats how long something has been running, in whole seconds, so that it changes once a
// second.
func running(ms projections.Null[int64]) string {
	if !ms.Valid {
		return "–"
	}
	s := ms.V / 1000
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm%02ds", s/3600, s/60%60, s%60)
}
