package runlog

import (
	"bytes"
	"io"
	"os"
)

// Tail returns the end of a command's output: at most that many lines, from the last size bytes of
// its log. It reports whether there is more before.
func Tail(log *os.File, lines int, size int64) (text []byte, more bool, err error) {
	info, err := log.Stat()
	if err != nil {
		return nil, false, err
	}
	begin := max(0, info.Size()-size)
	more = begin > 0
	if more {
		begin-- // to see whether a line begins after it
	}
	end, err := io.ReadAll(io.NewSectionReader(log, begin, size+1))
	if err != nil {
		return nil, false, err
	}
	if more {
		end = wholeLines(end)
	}
	var b bytes.Buffer
	_ = Text(&b, bytes.NewReader(end)) // neither can fail
	text, cut := lastLines(b.Bytes(), lines)
	return text, more || cut, nil
}

// wholeLines returns what follows the first line feed. If that is the last byte or missing, it
// returns everything as one line.
func wholeLines(end []byte) []byte {
	if i := bytes.IndexByte(end, '\n'); i >= 0 && i < len(end)-1 {
		return end[i+1:]
	}
	return end[min(1, len(end)):]
}

// lastLines returns the last n lines, and reports whether there are more.
func lastLines(text []byte, n int) ([]byte, bool) {
	begin := len(bytes.TrimSuffix(text, lineFeed))
	for range n {
		if begin = bytes.LastIndexByte(text[:max(begin, 0)], '\n'); begin < 0 {
			return text, false
		}
	}
	return text[begin+1:], true
}
