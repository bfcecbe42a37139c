package live

import (
	"testing"

	"github.com/quire-ci/quire-project/projections/laws"
)

func TestHappeningsObeyTheLaws(t *testing.T) {
	laws.Check(t, told)
}
