// Package terminal finds out whether an output is a terminal, and writes what suits a terminal: text
// that cannot control it, colours, and a progress bar.
package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Of returns w as a terminal, or nil if it is none.
func Of(w io.Writer) *os.File {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// Width returns the width of a terminal in columns, or 0 if w is no terminal or its width is unknown.
func Width(w io.Writer) int {
	width, _ := Size(w)
	return width
}

// Size returns the columns and lines of a terminal, or 0, 0.
func Size(w io.Writer) (width, height int) {
	if file := Of(w); file != nil {
		if width, height, err := term.GetSize(int(file.Fd())); err == nil {
			return width, height
		}
	}
	return 0, 0
}

// When are the values of a flag for [Colors].
var When = []string{"auto", "always", "never"}

// Colors reports whether to write colours to w. Unless when is always or never, $NO_COLOR and
// $FORCE_COLOR decide, see no-color.org and force-color.org, or else what w is.
func Colors(w io.Writer, when string) bool {
	force := os.Getenv("FORCE_COLOR")
	switch {
	case when == "always" || when == "never":
		return when == "always"
	case os.Getenv("NO_COLOR") != "" || force == "0":
		return false
	}
	return force != "" || IsCapable(w)
}

// IsCapable reports whether w is a terminal that knows control sequences.
func IsCapable(w io.Writer) bool { return Of(w) != nil && os.Getenv("TERM") != "dumb" }

// Safe returns a writer to w. If w is a terminal, the writer escapes text like [Escape].
func Safe(w io.Writer) io.Writer {
	if Of(w) != nil {
		return Escape(w)
	}
	return w
}
