package report_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/projections"
)

func TestCSVTakesOneProjection(t *testing.T) {
	for _, chosen := range [][]*projections.Definition{nil, {}, only("run", "jobs"), only("timings")} {
		var out bytes.Buffer
		_, err := report.Write(&out, report.CSV, "r", stream(nil), report.Options{Projections: chosen})
		assert.ErrorIs(t, err, report.ErrOneProjection, "%d projections", len(chosen))
	}
}
