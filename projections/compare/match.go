package compare

import (
	"cmp"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/projections"
)

// changing are parts of a command that differ from one run to the next.
var changing = regexp.MustCompile(`(?:/private)?/var/folders/[^/\s'"]+/[^/\s'"]+/T/[^/\s'":;]+` +
	`|(?:/private)?(?:/var)?/tmp/[^/\s'":;]+` +
	`|(?i:[a-z]:\\[^\s'":;]*\\temp\\[^\\\s'":;]+)` +
	`|[0-9A-Fa-f]{7,}|[0-9]{4,}`)

// Normal returns a command with # for what differs from one run to the next: runs of 4 or more
// digits or 7 or more hexadecimal digits, and the names of files and folders in a folder for
// temporary files.
func Normal(cmd string) string {
	if !mayChange(cmd) {
		return cmd
	}
	return changing.ReplaceAllLiteralString(cmd, "#")
}

// mayChange is false for most commands in which [changing] would find nothing. It is much faster
// than changing, which looks at each byte several times.
func mayChange(cmd string) bool {
	digits := 0
	for i := range len(cmd) {
		switch c := cmd[i]; {
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F':
			digits++
		case c == '\\':
			return true
		default:
			digits = 0
		}
		if digits == 4 {
			return true
		}
	}
	return strings.Contains(cmd, "/tmp/") || strings.Contains(cmd, "/var/folders/")
}

// side is the commands of a run, by their jobs.
type side struct {
	rows []projections.ShEvent
	jobs map[string]*job
}

// job is the commands of a job in order: their indexes and normal texts.
type job struct {
	indexes []int
	texts   []string
}

func newSide(r *projections.Record) *side {
	s := &side{rows: r.ShEvents, jobs: map[string]*job{}}
	for i := range s.rows {
		of := s.jobs[s.rows[i].JobID]
		if of == nil {
			of = &job{}
			s.jobs[s.rows[i].JobID] = of
		}
		of.indexes, of.texts = append(of.indexes, i), append(of.texts, Normal(s.rows[i].Cmd))
	}
	return s
}

func (s *side) duration(i int) projections.Null[int64] {
	if !s.rows[i].FinishedAtMs.Valid {
		return projections.Null[int64]{}
	}
	return projections.Span(s.rows[i].StartedAtMs, s.rows[i].FinishedAtMs.V)
}

func (s *side) at(i int) *Side {
	return &Side{Seq: s.rows[i].Seq, DurationMs: s.duration(i), ExitCode: s.rows[i].ExitCode}
}

// covered returns the time in which at least one command of a known duration ran.
func (s *side) covered() *big.Int {
	var known []int
	for i := range s.rows {
		if s.duration(i).Valid {
			known = append(known, i)
		}
	}
	slices.SortFunc(known, func(i, j int) int { return cmp.Compare(s.rows[i].StartedAtMs, s.rows[j].StartedAtMs) })
	total, reached := new(big.Int), int64(0)
	for n, i := range known {
		start, end := s.rows[i].StartedAtMs, s.rows[i].FinishedAtMs.V
		if n > 0 {
			start = max(start, reached)
		}
		if end > start {
			add(total, end-start)
		}
		if n == 0 || end > reached {
			reached = end
		}
	}
	return total
}

// match returns for each command of a the index of its partner in b, or -1.
func match(a, b *side) []int {
	partner := make([]int, len(a.rows))
	for i := range partner {
		partner[i] = -1
	}
	for id, of := range a.jobs {
		other := b.jobs[id]
		if other == nil {
			continue
		}
		for _, pair := range align(of.texts, other.texts, maxEdits) {
			partner[of.indexes[pair[0]]] = other.indexes[pair[1]]
		}
	}
	return partner
}

// maxEdits is the number of texts in one list only after which aligning keeps its result so far,
// and starts again behind it. It limits the work for 50,000 commands on each side to 50 million
// steps.
const maxEdits = 1000

// align pairs equal texts of two lists, in their order. It finds the most pairs possible, unless
// the lists differ in more than edits edits. Swapping the lists gives the same pairs.
func align(a, b []string, edits int) [][2]int {
	if slices.Compare(a, b) > 0 { // among equally good ones, the choice depends on which comes first
		pairs := align(b, a, edits)
		for i := range pairs {
			pairs[i][0], pairs[i][1] = pairs[i][1], pairs[i][0]
		}
		return pairs
	}
	var all [][2]int
	for x, y := 0, 0; x < len(a) && y < len(b); {
		pairs, toX, toY := furthest(a[x:], b[y:], edits)
		for _, pair := range pairs {
			all = append(all, [2]int{x + pair[0], y + pair[1]})
		}
		x, y = x+toX, y+toY
	}
	return all
}

// furthest finds a longest common subsequence with Myers' greedy algorithm. After the limit of
// edits, it returns that of the furthest-reaching beginnings of both lists, and their lengths.
// After d edits, reach has for each diagonal (the difference between the positions in a and b) the
// furthest position in a.
func furthest(a, b []string, edits int) (pairs [][2]int, x, y int) {
	most := min(len(a)+len(b), edits)
	reach := make([]int32, 2*most+3)
	zero := most + 1 // the index of diagonal 0
	var before [][]int32
	for d := range most + 1 {
		before = append(before, slices.Clone(reach[zero-d:zero+d+1]))
		for k := -d; k <= d; k += 2 {
			x := int(reach[zero+k-1]) + 1
			if down(reach[zero-d:], d, k) {
				x = int(reach[zero+k+1])
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			reach[zero+k] = int32(x)
			if k == len(a)-len(b) && x >= len(a) {
				return backtrack(before, len(a), len(b)), len(a), len(b)
			}
		}
	}
	for k := -most; k <= most; k += 2 {
		if atX := int(reach[zero+k]); atX <= len(a) && atX-k <= len(b) && 2*atX-k > x+y {
			x, y = atX, atX-k
		}
	}
	return backtrack(before, x, y), x, y
}

// down reports whether the d-th edit to diagonal k inserts a text of b, instead of deleting one of
// a. The first element of reach is for diagonal -d.
func down(reach []int32, d, k int) bool {
	return k == -d || k != d && reach[k-1+d] < reach[k+1+d]
}

func backtrack(before [][]int32, x, y int) (pairs [][2]int) {
	for d := len(before) - 1; d >= 0; d-- {
		fromX, fromY := 0, 0
		if d > 0 {
			k := x - y - 1
			if down(before[d], d, x-y) {
				k = x - y + 1
			}
			fromX = int(before[d][k+d])
			fromY = fromX - k
		}
		for x > fromX && y > fromY {
			x, y = x-1, y-1
			pairs = append(pairs, [2]int{x, y})
		}
		x, y = fromX, fromY
	}
	slices.Reverse(pairs)
	return pairs
}
