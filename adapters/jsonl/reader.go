package jsonl

import (
	"bytes"
	"encoding"
	"io"
	"iter"
	"math"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// DefaultMaxLine is the default limit of a line, in bytes without its end.
const DefaultMaxLine = 16 << 20

// OnMalformed says what a reader does with a malformed line.
type OnMalformed uint8

const (
	// AsBefore is Stop, except for a [StoreSource] whose rows in the store were derived
	// with Skip: it is read with Skip again.
	AsBefore OnMalformed = iota
	// Stop ends the reading with a *MalformedError.
	Stop
	// Skip continues with the next line. The line becomes an entry with the fault Malformed.
	Skip
)

// Options are the options of a [Reader]; the zero value has the defaults.
type Options struct {
	// Name is the name of the stream in errors, usually a path.
	Name string
	// MaxLine is the limit of a line, in bytes without its end; 0 means [DefaultMaxLine].
	// It bounds the reader's memory.
	MaxLine int
	// OnMalformed says what happens with malformed lines.
	OnMalformed OnMalformed
	// Skipped, if set, is called with each line that Skip skips, on the goroutine that
	// reads: with an [Ahead], that is another one.
	Skipped func(*MalformedError)
	// Start is the number of lines and bytes of the stream before the first byte of src.
	Start domain.Position
	// Digest makes the reader compute marks, see [Reader.Marks] and [Reader.Continues].
	Digest bool
	// Known is a mark of the stream that was computed earlier.
	Known domain.Mark
}

// Reader reads the events of one stream. It is a [projections.Stream].
//
// A malformed last line without a line feed is a torn tail: its writer died inside the
// line, or has not finished it. The stream ends with an entry that has the fault Torn; this
// is no error.
type Reader struct {
	src     io.Reader
	options Options
	text    text

	// buf[pos:whole] has whole lines that are not decoded yet, buf[whole:end] the
	// beginning of one more. There are slack bytes after end.
	buf             []byte
	pos, whole, end int

	line    int64 // lines before buf[pos]
	offset  int64 // offset in the stream of buf[0]
	readErr error // the error of the last read; buf may still have lines to decode
	err     error // the error at the end of the stream

	batch []domain.Entry // the result of Next

	digest             *digest // nil without Options.Digest
	wholeMark, endMark domain.Mark
	wholeState         []byte // of the digest at wholeMark
	stateErr           error
	dropped            bool // the last line was too long and had no line feed
}

// Sizes of the buffer, at first and at most. Only a longer line makes it larger.
const (
	minBuffer = 16 << 10
	maxBuffer = 64 << 10
)

// batchSize is how many entries Next returns at most.
const batchSize = 256

// NewReader returns a reader of the stream in src.
func NewReader(src io.Reader, options Options) *Reader {
	if options.MaxLine <= 0 {
		options.MaxLine = DefaultMaxLine
	}
	options.MaxLine = min(options.MaxLine, math.MaxInt-2*slack) // sums with it never overflow
	if options.Name == "" {
		options.Name = "stream"
	}
	r := &Reader{src: src, options: options, buf: make([]byte, minBuffer), line: options.Start.Line, offset: options.Start.Offset}
	if options.Digest {
		r.digest = newDigest(options.Known)
	}
	return r
}

// Tee makes the reader call take with the bytes that it reads from src. Call it before the first
// Next.
func (r *Reader) Tee(take func([]byte)) { r.src = &teeReader{r.src, take} }

type teeReader struct {
	src  io.Reader
	take func([]byte)
}

func (t *teeReader) Read(p []byte) (int, error) {
	n, err := t.src.Read(p)
	t.take(p[:n])
	return n, err
}

// Next returns the next entries, at least one, or an error: io.EOF at the end of the
// stream, a *MalformedError, or an error of src. It never waits while it has an entry. The
// slice is valid until the next call.
func (r *Reader) Next() ([]domain.Entry, error) {
	batch, err := r.Append(r.batch[:0], batchSize)
	r.batch = batch[:0]
	return batch, err
}

// All yields the events one by one, without lines that hold no event. A malformed line
// ends the sequence with an error. After a break you can call All or Next again: they
// continue with the next entry.
func (r *Reader) All() iter.Seq2[domain.Entry, error] {
	return func(yield func(domain.Entry, error) bool) {
		var one [1]domain.Entry
		for {
			_, err := r.Append(one[:0], 1)
			switch {
			case err == io.EOF:
				return
			case err != nil:
				yield(domain.Entry{}, err)
				return
			case one[0].Kind != domain.NoEvent && !yield(one[0], nil):
				return
			}
		}
	}
}

// Append is [Reader.Next] with memory of the caller: it appends at least one and at most
// limit entries to entries. limit is at least 1.
func (r *Reader) Append(entries []domain.Entry, limit int) ([]domain.Entry, error) {
	before, limit := len(entries), max(limit, 1)
	for {
		entries = r.decode(entries, before+limit)
		switch {
		case len(entries) > before:
			return entries, nil
		case r.err != nil:
			return entries, r.err
		case r.readErr == nil:
			entries = r.fill(entries)
		default:
			entries = r.finish(entries)
		}
	}
}

// decode decodes whole lines of the buffer until there are limit entries.
func (r *Reader) decode(entries []domain.Entry, limit int) []domain.Entry {
	from := r.pos
	for r.pos < r.whole && len(entries) < limit {
		start := r.pos
		n := len(entries)
		if n == cap(entries) {
			entries = slices.Grow(entries, 1)
		}
		entries = entries[:n+1] // all of it is set below
		entry := &entries[n]
		next := r.text.canonical(r.buf, start, &entry.Event)
		if next < 0 {
			next = r.text.loose(r.buf, start, &entry.Event)
		}
		if next < 0 || next-start-1 > r.options.MaxLine {
			end := start + bytes.IndexByte(r.buf[start:r.whole], '\n')
			r.pos = end + 1
			entries = r.judge(entries[:n], start, end, true)
			continue
		}
		r.line++
		entry.Line, entry.Offset, entry.Fault = r.line, r.offset+int64(start), domain.Sound
		r.pos = next
	}
	if r.err == nil {
		r.consumed(r.buf[from:r.pos])
	}
	return entries
}

// consumed adds bytes that have been decoded to the digest.
func (r *Reader) consumed(p []byte) {
	if r.digest != nil {
		r.digest.add(p)
	}
}

// markWhole sets the mark after the last whole line.
func (r *Reader) markWhole(lines int64) {
	if r.digest != nil {
		r.wholeMark = r.digest.mark(lines)
		r.wholeState, r.stateErr = r.digest.hash.(encoding.BinaryMarshaler).MarshalBinary()
	}
}

// markEnd sets the mark at the end of the stream.
func (r *Reader) markEnd() {
	if r.digest != nil {
		r.endMark = r.digest.mark(r.wholeMark.Lines)
	}
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// skipMark returns the length of the byte order mark that a stream may begin with. The
// first line begins after it.
func skipMark(line []byte, position *domain.Position) int {
	if position.Offset != 0 || !bytes.HasPrefix(line, byteOrderMark) {
		return 0
	}
	position.Offset = int64(len(byteOrderMark))
	return len(byteOrderMark)
}

// judge decodes the line buf[start:end], which the fast decoders refused. ended says
// whether a line feed ends it.
func (r *Reader) judge(entries []domain.Entry, start, end int, ended bool) []domain.Entry {
	r.line++
	position := domain.Position{Line: r.line, Offset: r.offset + int64(start)}
	line := bytes.TrimSuffix(r.buf[start:end], []byte("\r"))
	overLimit := len(line) > r.options.MaxLine
	line = line[skipMark(line, &position):]
	if overLimit {
		return r.malformed(entries, position, tooLong(r.options.MaxLine), ended)
	}
	if len(trimSpace(line)) == 0 {
		return entries
	}
	event, fault := decodeGeneral(line)
	if fault != nil {
		return r.malformed(entries, position, fault, ended)
	}
	return append(entries, domain.Entry{Event: event, Position: position})
}

// malformed handles a line that holds no event, according to the options.
func (r *Reader) malformed(entries []domain.Entry, position domain.Position, fault *fault, ended bool) []domain.Entry {
	if !ended {
		return append(entries, domain.Entry{Position: position, Fault: domain.Torn})
	}
	err := &MalformedError{Name: r.options.Name, Position: position, Column: int64(fault.at) + 1, Reason: fault.reason}
	if r.options.OnMalformed != Skip {
		r.err = err
		r.pos, r.whole, r.end = 0, 0, 0
		return entries
	}
	if r.options.Skipped != nil {
		r.options.Skipped(err)
	}
	return append(entries, domain.Entry{Position: position, Fault: domain.Malformed})
}

// fill reads until the buffer holds a whole line or reading ends.
func (r *Reader) fill(entries []domain.Entry) []domain.Entry {
	r.makeRoom()
	for r.whole == 0 && r.readErr == nil {
		if r.end > r.options.MaxLine+1 { // the last byte may be a carriage return
			return r.drop(entries)
		}
		if r.end == len(r.buf)-slack {
			r.resize(r.options.MaxLine + 2 + slack) // the longest line with its end
		}
		start := r.end
		r.read()
		if i := bytes.LastIndexByte(r.buf[start:r.end], '\n'); i >= 0 {
			r.whole = start + i + 1
		}
	}
	return entries
}

// read reads once, to the end of the buffer.
func (r *Reader) read() {
	for range 100 {
		n, err := r.src.Read(r.buf[r.end : len(r.buf)-slack])
		r.end += n
		r.readErr = err
		if n > 0 || err != nil {
			return
		}
	}
	r.readErr = io.ErrNoProgress
}

// makeRoom moves the rest to the front of the buffer, and enlarges a buffer that the last
// read filled.
func (r *Reader) makeRoom() {
	full := r.end == len(r.buf)-slack
	r.offset += int64(r.pos)
	r.end = copy(r.buf, r.buf[r.pos:r.end])
	r.pos, r.whole = 0, 0
	if full && len(r.buf) < maxBuffer {
		r.resize(maxBuffer)
	}
}

// resize doubles the buffer, up to limit.
func (r *Reader) resize(limit int) {
	buf := make([]byte, min(2*len(r.buf), limit))
	copy(buf, r.buf[:r.end])
	r.buf = buf
}

// drop reads past a line that is too long, and keeps nothing of it. The buffer holds the
// beginning of the line.
func (r *Reader) drop(entries []domain.Entry) []domain.Entry {
	r.markWhole(r.line) // the line may have no line feed
	r.line++
	position := domain.Position{Line: r.line, Offset: r.offset}
	skipMark(r.buf[:r.end], &position)
	for r.whole == 0 && r.readErr == nil {
		r.consumed(r.buf[:r.end])
		r.offset += int64(r.end)
		r.end = 0
		r.read()
		r.whole = bytes.IndexByte(r.buf[:r.end], '\n') + 1
	}
	if r.whole == 0 {
		r.consumed(r.buf[:r.end])
		r.offset += int64(r.end)
		r.pos, r.end = 0, 0
		if r.readErr != io.EOF {
			return entries
		}
		r.dropped = true
		return r.malformed(entries, position, tooLong(r.options.MaxLine), false)
	}
	r.consumed(r.buf[:r.whole])
	r.pos = r.whole
	r.whole = bytes.LastIndexByte(r.buf[:r.end], '\n') + 1
	return r.malformed(entries, position, tooLong(r.options.MaxLine), true)
}

// finish decodes the last line, which has no line feed, at the end of src.
func (r *Reader) finish(entries []domain.Entry) []domain.Entry {
	r.err = r.readErr
	if r.readErr != io.EOF {
		r.err = &readError{r.options.Name, r.offset + int64(r.end), r.readErr}
		return entries
	}
	start, end := r.whole, r.end
	r.pos, r.whole, r.end = 0, 0, 0
	if !r.dropped {
		r.markWhole(r.line)
	}
	r.consumed(r.buf[start:end])
	r.markEnd()
	if start < end {
		entries = r.judge(entries, start, end, false)
	}
	return entries
}
