package report

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A table is at most as wide as the terminal, unless its least width is greater; and each column of
// text has its least width.
func TestGridFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &Grid{}
		var needed []int
		for range rapid.IntRange(1, 6).Draw(t, "columns") {
			g.Columns = append(g.Columns, Column{Share: rapid.SampledFrom([]int{0, 1, 1, 2, 2}).Draw(t, "share"), Drop: rapid.IntRange(0, 3).Draw(t, "drop")})
			needed = append(needed, rapid.IntRange(1, 30).Draw(t, "width"))
		}
		columns := rapid.IntRange(10, 60).Draw(t, "terminal")
		widths := append([]int{}, needed...)
		g.fit(widths, columns)
		sum, n := 0, 0
		for i, width := range widths {
			if width == dropped {
				continue
			}
			sum, n = sum+width, n+1
			require.LessOrEqual(t, width, needed[i])
			require.GreaterOrEqual(t, width, min(needed[i], leastText))
		}
		require.LessOrEqual(t, sum+gap*(n-1), max(columns, g.least(widths)), "%v of %v", widths, needed)
	})
}
