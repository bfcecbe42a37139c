package report_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/projections"
)

func TestCSVTakesOneProjection(t *testing.T) {
	for _, chosen := range [][]*projections.Definition{nil, {}, only("run", "jobs"), only("timings")} {
		var out bytes.Buffer
		if _, err := report.Write(&out, report.CSV, "r", stream(nil), report.Options{Projections: chosen}); !errors.Is(err, report.ErrOneProjection) {
			t.Errorf("%d projections: %v", len(chosen), err)
		}
	}
}
