package main

import (
	"io"
	"os"
	"strings"
)

const (
	tailLines = 20
	tailBytes = 64 << 10
)

// tail returns the last lines of the output that a log has; those that can be
// read, since it is only to be looked at.
func tail(path string) []string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	whole := true
	if info, err := file.Stat(); err == nil && info.Size() > tailBytes {
		_, err = file.Seek(-tailBytes, io.SeekEnd)
		whole = err != nil
	}
	data, _ := io.ReadAll(file)
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if !whole {
		lines = lines[1:] // the end of a line
	}
	out := output(lines)
	return out[max(0, len(out)-tailLines):]
}

// output returns the lines of output that the lines of a log stand for. A piece of a
// line is put to the one before it of the same stream.
func output(lines []string) []string {
	var out []string
	open := map[string]int{} // where in out a stream's line stands that has not ended
	for _, line := range lines {
		fields := strings.SplitN(line, " ", 4) // time, stream, tag, text
		if len(fields) < 4 {
			continue
		}
		stream, tag, text := fields[1], fields[2], fields[3]
		if at, ok := open[stream]; ok {
			out[at] += text
		} else {
			out = append(out, text)
			open[stream] = len(out) - 1
		}
		if tag == "F" {
			delete(open, stream)
		}
	}
	return out
}
