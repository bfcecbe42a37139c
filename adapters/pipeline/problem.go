package pipeline

import (
	"fmt"
	"slices"
)

// Problem is something that is wrong with a file.
type Problem struct {
	At Position
	// What says what is wrong, and what to do.
	What string
}

func (p Problem) Error() string { return p.At.String() + ": " + p.What }

// Sort sorts problems by where they are.
func Sort(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.At.compare(b.At) })
}

// problems are those that were found so far.
type problems []Problem

func (p *problems) add(at Position, format string, args ...any) {
	*p = append(*p, Problem{at, fmt.Sprintf(format, args...)})
}
