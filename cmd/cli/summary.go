package cli

import (
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/projections/store"
)

// outcomes are in the order in which people are told how many there were.
var outcomes = []store.Outcome{
	store.Unchanged, store.Added, store.Continued, store.Rewritten, store.Derived, store.Skipped, store.Pruned,
}

// summarize counts runs by what became of them, as in
// "12 runs: 10 unchanged, 1 added, 1 skipped".
func summarize(summary store.Summary) string {
	var parts []string
	runs := 0
	for _, outcome := range outcomes {
		if n := summary.Runs[outcome]; n > 0 {
			runs += n
			parts = append(parts, fmt.Sprintf("%d %s", n, words(outcome)))
		}
	}
	if runs == 0 {
		return "no run was read"
	}
	return plural(runs, "run") + ": " + strings.Join(parts, ", ")
}

func words(outcome store.Outcome) string {
	if outcome == store.Derived {
		return "derived again"
	}
	return string(outcome)
}
