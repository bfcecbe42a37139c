package runlog_test

import (
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/adapters/runlog"
)

// A log with its colours, for a view that is no terminal.
func ExampleDecoder() {
	const log = "2026-11-23T14:41:54Z stdout P --- \x1b[1;31mFA\n" +
		"2026-11-23T14:41:54Z stdout F IL\x1b[0m: TestX\x1b[K\n"
	var decoder runlog.Decoder
	show := func(text []byte, style runlog.Style) {
		color, _ := style.Text.Indexed()
		fmt.Printf("%q bold=%t color=%d\n", text, style.Bold, color)
	}
	for piece := range runlog.Lines(strings.NewReader(log)) {
		decoder.Decode(piece.Text, show)
	}
	decoder.End(show)
	// Output:
	// "--- " bold=false color=0
	// "FA" bold=true color=1
	// "IL" bold=true color=1
	// ": TestX" bold=false color=0
}
