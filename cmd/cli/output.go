package cli

import (
	"io"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// printer returns standard output for text, and its width in columns if it is a terminal.
func (p *app) printer() (out io.Writer, columns int) {
	return report.Output{Writer: command.TerminalSafe(p.out)}, command.Width(p.out)
}
