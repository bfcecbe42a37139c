package runlog

import (
	"bufio"
	"bytes"
	"io"
	"iter"
	"time"
)

// Output is what wrote a text.
type Output uint8

// The outputs.
const (
	// Damaged is a line that is not one of the format; its text is the whole line.
	Damaged Output = iota
	Stdout
	Stderr
	outputs
)

// Piece is a line of a command's output, or a part of one.
type Piece struct {
	Output Output
	// Time is when it was written, zero if it is damaged.
	Time time.Time
	// Text has no line feed at its end. It is valid until the next piece.
	Text []byte
	// End is set if a line feed follows.
	End bool
	// Next is the offset of the next line of the log, if this piece ends a line and everything
	// before it has been yielded; otherwise 0. You can continue reading there.
	Next int64
}

// Pieces yields the pieces of a log, as they stand in it. A piece of more than 32 KiB is yielded in
// parts. If the log cannot be read to its end, the last thing is the error.
func Pieces(log io.Reader) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		lines := bufio.NewReaderSize(log, 32<<10)
		var p Piece
		full, inside := false, false // inside a line
		read := int64(0)
		for {
			text, err := lines.ReadSlice('\n')
			read += int64(len(text))
			if len(text) > 0 {
				if !inside {
					p.Output, p.Time, full, text = parse(text)
				}
				var ended bool
				p.Text, ended = bytes.CutSuffix(text, lineFeed)
				if p.End, inside, p.Next = ended && full, !ended, 0; p.End {
					p.Next = read
				}
				if !yield(p, nil) {
					return
				}
			}
			if err != nil && err != bufio.ErrBufferFull {
				if err != io.EOF {
					yield(Piece{}, err)
				}
				return
			}
		}
	}
}

// Parse returns the piece in a line of a log.
func Parse(line []byte) (p Piece) {
	text, ended := bytes.CutSuffix(line, lineFeed)
	var full bool
	p.Output, p.Time, full, p.Text = parse(text)
	p.End = ended && full
	return p
}

var (
	lineFeed = []byte("\n")
	names    = [outputs][]byte{Stdout: []byte("stdout"), Stderr: []byte("stderr")}
)

// parse takes the beginning of a line apart.
func parse(line []byte) (of Output, at time.Time, full bool, text []byte) {
	stamp, rest, _ := bytes.Cut(line, []byte(" "))
	name, rest, _ := bytes.Cut(rest, []byte(" "))
	tag, text, ok := bytes.Cut(rest, []byte(" "))
	for of = Stdout; of < outputs && !bytes.Equal(name, names[of]); of++ {
	}
	full = string(tag) == "F"
	if !ok || of == outputs || !full && string(tag) != "P" || at.UnmarshalText(stamp) != nil {
		return Damaged, time.Time{}, true, line
	}
	return of, at, full, text
}

// maxHeld is the length in bytes of the longest line whose pieces can wait for its end while the
// other output has its turn.
const maxHeld = 256 << 10

// Lines yields the pieces of a log, and keeps those of each line together: if stdout and stderr
// interleave within a line, the pieces of the second one follow when the line of the first has
// ended. A line of more than 256 KiB that is interrupted is split in two.
func Lines(log io.Reader) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		var j joiner
		for piece, err := range Pieces(log) {
			if err != nil {
				_ = j.rest(yield) && yield(Piece{}, err)
				return
			}
			if !j.take(piece, yield) {
				return
			}
		}
		j.rest(yield)
	}
}

// joiner puts the pieces of lines together.
type joiner struct {
	held [outputs][]byte // the beginnings of lines that are not yielded yet
	// open is the output whose line has been yielded in part, if begun is set.
	open  Output
	begun bool
}

func (j *joiner) take(p Piece, yield func(Piece, error) bool) bool {
	held := j.held[p.Output]
	continues := j.begun && j.open == p.Output
	if !continues && !p.End && len(held)+len(p.Text) <= maxHeld {
		j.held[p.Output] = append(held, p.Text...)
		return true
	}
	return continues && j.yield(p, yield) || !continues && j.whole(p, yield)
}

// whole yields the held pieces of a line, followed by its next piece.
func (j *joiner) whole(p Piece, yield func(Piece, error) bool) bool {
	if j.begun && !j.yield(Piece{Output: j.open, Time: p.Time, End: true}, yield) {
		return false
	}
	if held := j.held[p.Output]; len(held) > 0 {
		j.held[p.Output] = held[:0]
		if !j.yield(Piece{Output: p.Output, Time: p.Time, Text: held}, yield) {
			return false
		}
	}
	return j.yield(p, yield)
}

func (j *joiner) yield(p Piece, yield func(Piece, error) bool) bool {
	j.open, j.begun = p.Output, !p.End
	for _, held := range j.held {
		if len(held) > 0 {
			p.Next = 0
		}
	}
	return yield(p, nil)
}

// rest yields the held pieces at the end of the log.
func (j *joiner) rest(yield func(Piece, error) bool) bool {
	for output, held := range j.held {
		if len(held) > 0 && !j.whole(Piece{Output: Output(output)}, yield) {
			return false
		}
	}
	return true
}

// Text writes the output of a command: the log without the prefixes of its lines.
func Text(to io.Writer, log io.Reader) error {
	out := bufio.NewWriterSize(to, 64<<10) // which keeps the first error
	for piece, err := range Lines(log) {
		if err != nil {
			_ = out.Flush()
			return err
		}
		if _, err := out.Write(piece.Text); err != nil {
			return err
		}
		if piece.End {
			_ = out.WriteByte('\n')
		}
	}
	return out.Flush()
}
