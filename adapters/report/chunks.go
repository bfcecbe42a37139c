package report

import "io"

// chunks is text that is kept in pieces, so that a large one is never copied to grow.
type chunks struct {
	full [][]byte
	last []byte
}

// pieceSize is where a piece ends, at the latest when the row it is in does.
const pieceSize = 256 << 10

// end takes last back, with a row behind it.
func (t *chunks) end(last []byte) {
	if t.last = last; len(last) >= pieceSize {
		t.full = append(t.full, last)
		t.last = make([]byte, 0, pieceSize+pieceSize/16)
	}
}

// pieces writes text in few writes: what is small is gathered, what is large
// goes as it is.
type pieces struct {
	out   io.Writer
	small []byte
	err   error
}

func (p *pieces) string(s string) { p.small = append(p.small, s...) }

// chunks writes text without its first bytes.
func (p *pieces) chunks(t *chunks, without int) {
	for _, piece := range append(t.full, t.last) {
		n := min(without, len(piece))
		p.bytes(piece[n:])
		without -= n
	}
}

func (p *pieces) bytes(b []byte) {
	if len(b) < pieceSize/8 {
		p.small = append(p.small, b...)
		return
	}
	if p.flush() == nil {
		_, p.err = p.out.Write(b)
	}
}

func (p *pieces) flush() error {
	if p.err == nil && len(p.small) > 0 {
		_, p.err = p.out.Write(p.small)
		p.small = p.small[:0]
	}
	return p.err
}
