package console

import (
	"bufio"
	"bytes"
	"io"
	"os"
)

const (
	tailLines = 20
	tailBytes = 64 << 10
)

// show copies a log, all of it or its last lines.
func show(to io.Writer, path string, all bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if !all {
		last, err := lastLines(file)
		_, _ = to.Write(last)
		return err
	}
	lines := bufio.NewScanner(file) // those of a log have some 16 KiB at most
	for lines.Scan() {
		_, _ = to.Write(append(lines.Bytes(), '\n'))
	}
	return lines.Err()
}

// lastLines returns the last lines of a file, the whole ones among its last bytes.
func lastLines(file *os.File) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-tailBytes)
	data, err := io.ReadAll(io.NewSectionReader(file, from, tailBytes))
	if from > 0 {
		data = data[bytes.IndexByte(data, '\n')+1:]
	}
	begin := len(data)
	for n := 0; n <= tailLines && begin >= 0; n++ {
		begin = bytes.LastIndexByte(data[:begin], '\n')
	}
	return data[begin+1:], err
}
