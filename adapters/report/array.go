package report

import "io"

// array is the text of a JSON array in the making. It is kept in pieces, so
// that a large one is never copied to grow.
type array struct {
	full [][]byte
	last []byte
}

// pieceSize is where a piece ends, at the latest when the row it is in does.
const pieceSize = 256 << 10

// begin returns the array's text, to append a row to: its opening brace and
// what separates it from the row before are there.
func (a *array) begin() []byte {
	if len(a.last) == 0 && len(a.full) == 0 {
		return append(a.last, '{')
	}
	return append(a.last, ',', '{')
}

// end takes back what begin gave.
func (a *array) end(text []byte) {
	if a.last = text; len(text) >= pieceSize {
		a.full = append(a.full, text)
		a.last = make([]byte, 0, pieceSize+pieceSize/16)
	}
}

// pieces writes text in few writes: what is small is gathered, what is large
// goes as it is.
type pieces struct {
	out   io.Writer
	small []byte
	err   error
}

func (p *pieces) text(s string) { p.small = append(p.small, s...) }

func (p *pieces) bytes(b []byte) {
	if len(b) < pieceSize/8 {
		p.small = append(p.small, b...)
		return
	}
	if p.flush() == nil {
		_, p.err = p.out.Write(b)
	}
}

// section writes an array under its name, if it is selected.
func (p *pieces) section(selected Selection, section Section, name string, a *array) {
	if !selected.Has(section) {
		return
	}
	p.text(name + "[")
	for _, piece := range a.full {
		p.bytes(piece)
	}
	p.bytes(a.last)
	p.text("]")
}

func (p *pieces) flush() error {
	if p.err == nil && len(p.small) > 0 {
		_, p.err = p.out.Write(p.small)
		p.small = p.small[:0]
	}
	return p.err
}
