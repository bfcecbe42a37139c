package tail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"
)

const (
	// again limits how many bytes of an incomplete line are read a second time when the line grows. In
	// a longer line, only the new bytes are searched.
	again = 64 << 10
	// remembered is how many bytes before the offset are compared with the file.
	remembered = 64
	// defaultLimit replaces a limit below 1.
	defaultLimit = 1 << 20
)

// take returns the next chunk: whole lines or, if there are none and tail is set, the part of the last
// line that exists. The chunk is empty if there is neither.
func (s *Stream) take(ctx context.Context, limit int, tail bool) (Chunk, error) {
	s.release()
	there, err := s.look()
	if !there || err != nil || s.gone || s.seen.Size() == s.offset || s.seen.Size() == s.scanned && !tail {
		return Chunk{}, err
	}
	if err := s.acquire(ctx); err != nil {
		return Chunk{}, err
	}
	chunk, err := s.read(limit, tail)
	if len(chunk.Data) == 0 {
		s.release()
	}
	return chunk, err
}

// read returns the next chunk of a file that seems to have one.
func (s *Stream) read(limit int, tail bool) (Chunk, error) {
	file, err := s.open()
	if file == nil {
		return Chunk{}, err
	}
	defer file.Close()
	if limit < 1 {
		limit = defaultLimit
	}
	limit = min(limit, s.options.MaxLine+1) // so that no line in the chunk is too long
	if s.scanned-s.offset < again {
		chunk, err := s.lines(file, int64(limit))
		if err != nil || len(chunk.Data) > 0 {
			return chunk, err
		}
	}
	return s.line(file, tail)
}

// lines returns the whole lines among the next bytes, at most limit bytes.
func (s *Stream) lines(file *os.File, limit int64) (Chunk, error) {
	data, err := s.load(file, min(limit, s.seen.Size()-s.offset))
	if err != nil {
		return Chunk{}, err
	}
	if end := bytes.LastIndexByte(data, '\n') + 1; end > 0 {
		return s.give(data[:end], false), nil
	}
	s.scanned = s.offset + int64(len(data))
	return Chunk{}, nil
}

// line returns the next line, which is longer than a chunk, or the part of it that exists.
func (s *Stream) line(file *os.File, tail bool) (Chunk, error) {
	ended, err := s.scan(file)
	if err != nil || !ended && !tail || s.scanned == s.offset && !ended {
		return Chunk{}, err
	}
	length := s.scanned - s.offset
	if ended {
		length++
	}
	if length > int64(s.options.MaxLine+len("\r\n")) {
		return s.long(file, length, ended)
	}
	data, err := s.load(file, length)
	switch {
	case err != nil:
		return Chunk{}, err
	case bytes.HasSuffix(data, []byte{'\n'}) != ended: // the file is being rewritten
		s.scanned = s.offset
		return Chunk{}, nil
	case len(withoutEnd(data)) > s.options.MaxLine:
		return s.long(file, length, ended)
	}
	return s.give(data, !ended), nil
}

// withoutEnd returns a line without its line ending.
func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}

// long handles a line that is too long. A complete line is an error; an incomplete one is an empty
// tail.
func (s *Stream) long(file *os.File, length int64, ended bool) (Chunk, error) {
	if !ended {
		return Chunk{Offset: s.offset, Tail: true}, nil
	}
	first := make([]byte, min(4, length))
	n, err := file.ReadAt(first, s.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return Chunk{}, readFailed(s.path, s.offset, err)
	}
	return Chunk{}, &LineTooLongError{Path: s.path, Offset: s.offset, First: first[:n], Max: s.options.MaxLine, End: s.offset + length}
}

// scan searches the bytes that were not searched before for the end of the next line. It reports
// whether it has found the end, which is then at scanned.
func (s *Stream) scan(file *os.File) (bool, error) {
	b := buffer(again)
	defer free(b)
	for size := s.seen.Size(); s.scanned < size; {
		piece := (*b)[:min(again, size-s.scanned)]
		n, err := file.ReadAt(piece, s.scanned)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, readFailed(s.path, s.scanned, err)
		}
		i := bytes.IndexByte(piece[:n], '\n')
		if i >= 0 {
			n = i
		}
		s.scanned += int64(n)
		switch {
		case i >= 0:
			return true, nil
		case n < len(piece): // the file was truncated in the meantime
			return false, nil
		}
	}
	return false, nil
}

// load reads the next n bytes, or as many as exist, into the chunk's buffer. It compares the bytes
// before them.
func (s *Stream) load(file *os.File, n int64) ([]byte, error) {
	s.free()
	before := len(s.before)
	s.chunk = buffer(before + int(n))
	got, err := file.ReadAt(*s.chunk, s.offset-int64(before))
	data := (*s.chunk)[:got]
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, readFailed(s.path, s.offset, err)
	case !bytes.HasPrefix(data, s.before):
		return nil, rewritten(s.path, "what was read is not there any more")
	}
	return data[before:], nil
}

// give makes a chunk of the loaded data.
func (s *Stream) give(data []byte, tail bool) Chunk {
	chunk := Chunk{Offset: s.offset, Data: data, Tail: tail}
	s.offset += int64(len(data))
	s.scanned = s.offset
	_, _ = s.given.Write(data) // a hash never fails
	s.given.Sum(chunk.SHA256[:0])
	s.active = time.Now()
	s.before = append(s.before, data[max(0, len(data)-remembered):]...)
	if more := len(s.before) - remembered; more > 0 {
		s.before = append(s.before[:0], s.before[more:]...)
	}
	s.pause = s.options.Poll
	return chunk
}

// hands limits how many streams have a chunk or an open file at the same time, see [Options.AtOnce].
type hands struct {
	ctx    context.Context // the context of Follow
	taken  chan struct{}
	checks *checks
}

// acquire acquires a slot, which the stream needs to open its file and to return a chunk.
func (s *Stream) acquire(ctx context.Context) error {
	select {
	case s.hands.taken <- struct{}{}:
		s.acquired = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.hands.ctx.Done():
		return s.hands.ctx.Err()
	}
}

// release returns the latest chunk's buffer and the slot.
func (s *Stream) release() {
	s.free()
	if s.acquired {
		s.acquired = false
		<-s.hands.taken
	}
}

func (s *Stream) free() {
	if s.chunk != nil {
		free(s.chunk)
		s.chunk = nil
	}
}
