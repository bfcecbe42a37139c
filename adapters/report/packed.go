package report

import (
	"encoding/binary"
	"io"
	"math/bits"
	"runtime"
	"strconv"
	"sync"
	"unsafe"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
	"github.com/quire-ci/quire-project/projections"
)

// packed holds rows of one projection in about a third of the memory of their text. That also saves
// time: touching memory for the first time takes longer than packing rows.
//
// Blocks are independent of each other, so they can be encoded in parallel. For each column, a row
// has a number followed by data. The number is 0 for null. For a text, it is 1 if the text equals
// that of the previous row; otherwise it is the length plus 2, and the text follows. For an
// integer, it is the number of bytes plus 1, and the difference from the previous row follows in
// that many bytes. For a boolean, it is 1 for false and 2 for true.
type packed struct {
	of     *projections.Definition
	blocks [][]byte
	before []value // values of the previous row, by column
}

type value struct {
	text string
	n    int64
}

// blockSize is the length at which a block ends, after the current row. Integers are read and
// written as words, so a block has wordSize extra bytes at its end.
const (
	blockSize = 64 << 10
	wordSize  = 8
)

// Numbers that a column begins with.
const (
	nullValue = iota
	sameText
	newText
)

func newPacked(of *projections.Definition) *packed {
	return &packed{of: of, before: make([]value, len(of.Columns))}
}

// add adds a row.
func (p *packed) add(row projections.Ref) {
	block := p.block()
	b := *block
	for i := range p.of.Columns {
		c, before := &p.of.Columns[i], &p.before[i]
		switch {
		case c.IsNull(row):
			b = append(b, nullValue)
		case c.Type == projections.Text:
			text := c.Text(row)
			if text == before.text {
				b = append(b, sameText)
				break
			}
			b = append(binary.AppendUvarint(b, uint64(len(text)+newText)), text...)
			before.text = text
		case c.Type == projections.Int:
			n := c.Int(row)
			difference := n - before.n
			zigzag := uint64(difference<<1 ^ difference>>63)
			bytes := (bits.Len64(zigzag) + 7) / 8
			b = binary.LittleEndian.AppendUint64(append(b, byte(bytes+1)), zigzag)
			b = b[:len(b)-wordSize+bytes]
			before.n = n
		case c.Bool(row):
			b = append(b, 2)
		default:
			b = append(b, 1)
		}
	}
	*block = b
}

// block returns the block for the next row.
func (p *packed) block() *[]byte {
	n := len(p.blocks)
	switch {
	case n == 0:
		p.blocks = append(p.blocks, nil)
	case len(p.blocks[n-1]) >= blockSize:
		p.blocks = append(p.blocks, make([]byte, 0, blockSize+blockSize/16))
		clear(p.before)
	}
	return &p.blocks[len(p.blocks)-1]
}

// appendPacked appends the rows of a block.
func (e *encoder) appendPacked(dst, block []byte) []byte {
	values := make([]struct {
		start, end int // the text of the previous row, in dst
		n          int64
	}, len(e.columns))
	length := len(block)
	var slack [wordSize]byte
	block = append(block, slack[:]...)
	for i := 0; i < length; {
		dst = append(dst, e.begin...)
		for k := range e.columns {
			c, before := &e.columns[k], &values[k]
			dst = c.appendBefore(dst)
			what, size := uint64(block[i]), 1
			if what > 0x7f {
				what, size = binary.Uvarint(block[i:])
			}
			i += size
			switch {
			case what == nullValue:
				dst = append(dst, e.null...)
			case c.Type == projections.Text:
				start := len(dst)
				switch {
				case what > sameText:
					dst = e.text(dst, unsafe.String(&block[i], what-newText))
					i += int(what - newText)
				case before.end == 0:
					dst = e.text(dst, "")
				default:
					dst = append(dst, dst[before.start:before.end]...)
				}
				before.start, before.end = start, len(dst)
			case c.Type == projections.Int:
				unused := 64 - 8*(what-1)
				zigzag := binary.LittleEndian.Uint64(block[i:]) << unused >> unused
				before.n += int64(zigzag>>1) ^ -int64(zigzag&1)
				dst = jsonenc.AppendInt(dst, before.n)
				i += int(what - 1)
			default:
				dst = strconv.AppendBool(dst, what == 2)
			}
		}
		dst = append(dst, e.end)
	}
	return dst
}

// write writes all rows, the first one without what separates rows. Each worker writes the blocks
// that it has encoded, when it is their turn: reading text that another core has written would be slow.
func (p *packed) write(out io.Writer, e *encoder) (err error) {
	workers := min(runtime.GOMAXPROCS(0), len(p.blocks))
	turns := make([]chan struct{}, workers+1)
	for i := range turns {
		turns[i] = make(chan struct{}, 1)
	}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			var rows []byte
			for i := w; i < len(p.blocks); i += workers {
				rows = e.appendPacked(rows[:0], p.blocks[i])
				if i == 0 {
					rows = rows[e.between:]
				}
				<-turns[w]
				if err == nil {
					_, err = out.Write(rows)
				}
				failed := err != nil
				turns[(w+1)%workers] <- struct{}{}
				if failed {
					return
				}
			}
		})
	}
	turns[0] <- struct{}{}
	all.Wait()
	return err
}
