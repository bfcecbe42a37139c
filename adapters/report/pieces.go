package report

import "bufio"

// pieces is a text in parts, so that a large one is never copied to grow.
type pieces [][]byte

// pieceSize is the length at which a part ends, after the current row.
const pieceSize = 256 << 10

// last returns the part for the next row.
func (p *pieces) last() *[]byte {
	n := len(*p)
	switch {
	case n == 0:
		*p = append(*p, nil)
	case len((*p)[n-1]) >= pieceSize:
		*p = append(*p, make([]byte, 0, pieceSize+pieceSize/16))
	}
	return &(*p)[len(*p)-1]
}

// write writes the text without its first bytes. It returns no error: the writer keeps it.
func (p pieces) write(out *bufio.Writer, without int) {
	for _, part := range p {
		_, _ = out.Write(part[without:])
		without = 0
	}
}
