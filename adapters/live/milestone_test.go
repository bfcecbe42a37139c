package live

import (
	"testing"

	"github.com/quire-ci/quire-project/projections/laws"
)

func TestMilestonesObeyTheLaws(t *testing.T) {
	laws.Check(t, milestones)
}
