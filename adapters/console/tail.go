package console

import (
	"bytes"
	"io"
	"os"
	"strings"

	"github.com/quire-ci/quire-project/adapters/runlog"
)

const (
	tailLines = 20
	tailBytes = 64 << 10
)

// show shows the log of a command: its end or, if nobody can read it later, all of it.
func (s *Screen) show(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if !s.DropLogs {
		text, _, err := runlog.Tail(file, tailLines, tailBytes)
		for line := range bytes.Lines(text) {
			s.text(runlog.Piece{Output: runlog.Stdout, Text: bytes.TrimSuffix(line, []byte("\n")), End: true})
		}
		return err
	}
	for piece, err := range runlog.Lines(file) {
		if err != nil {
			return err
		}
		s.text(piece)
	}
	return nil
}

// text shows a piece of a log.
func (s *Screen) text(p runlog.Piece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var shown strings.Builder
	s.piece(&shown, p)
	_, _ = io.WriteString(s.out, shown.String())
}
