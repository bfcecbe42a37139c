package live

import (
	"testing"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestHappeningsObeyTheLaws(t *testing.T) {
	laws.Check(t, func() projections.Projection[happening] { return &happenings{} })
}
