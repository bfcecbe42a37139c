package jsonl

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"

	"github.com/quire-ci/quire-project/domain"
)

// text holds the strings of events in chunks that many strings share, so that no string is
// allocated by itself. A byte of a chunk is written once: a string stays valid as long as
// it is held.
type text struct {
	chunk []byte // the first used bytes are taken
	used  int
	// job is the latest job id, jobPlain says that the line had it without escapes: most
	// events name the same job as the event before.
	job      string
	jobPlain bool
	// types has types that were read, by a hash of their first eight bytes.
	types [1 << typeBits]typeOfText
	// The latest clock: its first eight digits as a word and as a number, and its length.
	// Most clocks begin with the same digits.
	clockWord  uint64
	clockValue int64
	clockWidth int
	// Memory for the members of a line, used again for the next one.
	rest      []rawMember
	named     []namedMember
	labelList []domain.Label
	spaced    bool // see skipValue
}

// typeOfText is the name of a type with its kind. plain says that the line had the name
// without escapes.
type typeOfText struct {
	name  string
	kind  domain.Kind
	plain bool
}

// A stream has few types. typeSpread is 2^64 divided by the golden ratio, which spreads
// similar words (Knuth, The Art of Computer Programming, 6.4).
const (
	typeBits   = 4
	typeSpread = 0x9E3779B97F4A7C15
)

// chunkSize bounds the memory that one held string keeps alive.
const chunkSize = 32 << 10

// string reads the JSON string with its opening quote before b[i], and returns it and the
// index behind its closing quote. It refuses a string that may be malformed: a control
// character, a wrong escape, bytes that are not UTF-8.
//
// Most of the time is spent here. Strings are short and their lengths vary, so the cost is
// that of mispredicted branches: the loop copies two words at once while it looks at them,
// and the next copy overwrites the bytes behind the end of a run.
func (t *text) string(b []byte, i int) (string, int) {
	chunk, start := t.chunk, t.used
	w, high := start, uint64(0)
	for {
		if w+room > len(chunk) {
			chunk, start, w = t.grow(start, w, b[i:])
		}
		p := unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i)
		x, y := loadAt(p, 0), loadAt(p, word)
		out := (*[2 * word]byte)(chunk[w:])
		binary.LittleEndian.PutUint64(out[:], x)
		binary.LittleEndian.PutUint64(out[word:], y)
		endX, endY := special(x), special(y)
		if endX|endY == 0 {
			high |= x | y
			i, w = i+2*word, w+2*word
			continue
		}
		n := bits.TrailingZeros64(endX) / 8
		if endX == 0 {
			n = word + bits.TrailingZeros64(endY)/8
			high |= x
			x, endX = y, endY
		}
		high |= x & (endX - 1) &^ endX
		i, w = i+n, w+n
		switch b[i] {
		case '"':
			s := chunk[start:w]
			if high&highs != 0 && !utf8.Valid(s) {
				return "", refused
			}
			t.used = w
			return unsafe.String(unsafe.SliceData(s), len(s)), i + 1
		case '\\':
			if c := shortEscapes[b[i+1]]; c != 0 {
				chunk[w] = c
				i, w = i+2, w+1
				continue
			}
			c, next := unescapeHex(b, i+1)
			if next < 0 {
				return "", refused
			}
			i, w = next, w+utf8.EncodeRune(chunk[w:], c)
		default:
			return "", refused
		}
	}
}

// room is the most that one turn of the loop in string writes: two words and a character.
const room = 2*word + utf8.UTFMax

// grow makes room for the rest of a string. Its beginning is t.chunk[start:w], its rest is
// in the line at rest. grow returns the new chunk and the place of the beginning in it.
func (t *text) grow(start, w int, rest []byte) (chunk []byte, newStart, newW int) {
	have := w - start
	chunk = make([]byte, max(chunkSize, have+bytes.IndexByte(rest, '\n')+room))
	copy(chunk, t.chunk[start:w])
	t.chunk, t.used = chunk, 0
	return chunk, 0, have
}

func loadAt(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[word]byte)(unsafe.Add(p, i))[:])
}

// word is the number of bytes that one step looks at.
const word = 8

// load returns the word at b[i:], its first byte lowest.
func load(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// shortEscapes are the meanings of escapes of one letter.
var shortEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// special returns a word with the high bit of each byte set that ends a run of plain text
// in x: a quote, a backslash, a control character. Only the lowest mark counts; those above
// may be wrong. Exchanging 0x20 and 0x22 makes the quote a neighbour of the control
// characters, so that one comparison finds both.
func special(x uint64) uint64 {
	return (((x ^ ones*0x02) - ones*0x21) | ((x ^ ones*'\\') - ones)) &^ x & highs
}

// jobID is like string, for a job's id, which usually equals that of the previous event.
func (t *text) jobID(b []byte, i int) (string, int) {
	end := i + len(t.job)
	if t.jobPlain && end < len(b) && b[end] == '"' && string(b[i:end]) == t.job {
		return t.job, end + 1
	}
	id, next := t.string(b, i)
	if next >= 0 {
		t.job, t.jobPlain = id, next-i == len(id)+1
	}
	return id, next
}

// unescapeHex reads the \u escape with its u at b[i], and the next escape too if the two
// are a pair of surrogates.
func unescapeHex(b []byte, i int) (c rune, next int) {
	if b[i] != 'u' {
		return 0, refused
	}
	c = hex4(b, i+1)
	i += 5
	switch {
	case c < 0:
		return 0, refused
	case c < 0xD800 || c > 0xDFFF:
		return c, i
	case c > 0xDBFF || b[i] != '\\' || b[i+1] != 'u':
		return 0, refused
	}
	low := hex4(b, i+2)
	if low < 0xDC00 || low > 0xDFFF {
		return 0, refused
	}
	return 0x10000 + (c-0xD800)<<10 + (low - 0xDC00), i + 6
}

// hex4 returns the number of the four hex digits at b[i:], or -1.
func hex4(b []byte, i int) rune {
	var c rune
	for _, digit := range b[i : i+4] {
		switch {
		case '0' <= digit && digit <= '9':
			c = c<<4 | rune(digit-'0')
		case 'a' <= digit && digit <= 'f':
			c = c<<4 | rune(digit-'a'+10)
		case 'A' <= digit && digit <= 'F':
			c = c<<4 | rune(digit-'A'+10)
		default:
			return -1
		}
	}
	return c
}
