package pipeline

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Position is a place in the file. Lines and columns count from 1, and columns
// count characters.
type Position struct {
	Line, Column int
}

func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

func (p Position) compare(q Position) int {
	if p.Line != q.Line {
		return p.Line - q.Line
	}
	return p.Column - q.Column
}

// start is where every file begins.
var start = Position{1, 1}

// positionAt returns where a byte of data stands.
func positionAt(data []byte, offset int) Position {
	before := data[:offset]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return Position{bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(line) + 1}
}
