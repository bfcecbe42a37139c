package cli

import "io"

// apart writes a blank line before what is written to it, if anything is.
type apart struct {
	io.Writer
	begun bool
}

func (a *apart) Write(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		if _, err := a.Writer.Write([]byte("\n")); err != nil {
			return 0, err
		}
	}
	return a.Writer.Write(p)
}

// pages holds what is written to it, in pages: a large document is never
// copied to grow.
type pages struct {
	pages [][]byte
}

// pageSize is where a page is full.
const pageSize = 1 << 20

func (w *pages) Write(p []byte) (int, error) {
	last := len(w.pages) - 1
	if last < 0 || len(w.pages[last])+len(p) > pageSize {
		w.pages = append(w.pages, nil)
		last++
	}
	w.pages[last] = append(w.pages[last], p...)
	return len(p), nil
}

func (w *pages) writeTo(out io.Writer) error {
	for _, page := range w.pages {
		if _, err := out.Write(page); err != nil {
			return err
		}
	}
	return nil
}
