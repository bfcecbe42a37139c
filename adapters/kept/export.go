package kept

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/dustin/go-humanize"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/internal/layout"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// Exported counts the streams of an [Export].
type Exported struct {
	// Written streams are new in the folder, or longer; Unchanged ones were there.
	Written, Unchanged int
	Bytes              int64
}

// String counts the streams, as in "3 streams: 2 written (1.2 MB), 1 unchanged".
func (e Exported) String() string {
	return fmt.Sprintf("%s: %d written (%s), %d unchanged", display.Plural(e.Written+e.Unchanged, "stream"), e.Written, humanize.Bytes(uint64(e.Bytes)), e.Unchanged)
}

// ErrOther is returned if the file to write contains another stream.
var ErrOther = errors.New("the file has another stream; move it away, or export into another folder")

// ErrOneStream is returned for a folder that can have one stream only.
var ErrOneStream = errors.New("the folder has an events.jsonl, beside which no file is read as a stream; export into another folder")

// Export writes streams into a folder, byte for byte, and each into a file whose path gives the id of
// its run. A file appears when it is whole, so an Export that was stopped can be made again. A file
// that is there stays, unless the stream begins with it. What an Export that was killed has left of a
// file is removed. failed is called with the error of each stream that could not be exported; other
// errors end the work.
func Export(ctx context.Context, streams jsonl.Streams, folder string, failed func(error)) (Exported, error) {
	var done Exported
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return done, printable.Error(err)
	}
	if sole, err := layout.Read(folder, layout.IsStream); err != nil {
		return done, printable.Error(err)
	} else if len(sole) == 1 && domain.RunIDOf(filepath.Base(sole[0].Path)) == "events" {
		return done, fmt.Errorf("%s: %w", printable.Name(folder), ErrOneStream)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return done, printable.Error(err)
	}
	defer root.Close()
	cleared := map[string]bool{} // folders
	for at, err := range streams.Locations() {
		if in := filepath.Dir(domain.PathOf(at.Run)); err == nil && !cleared[in] {
			cleared[in] = true
			removeParts(root, in)
		}
		if err == nil {
			err = done.stream(root, at)
		}
		switch {
		case ctx.Err() != nil:
			return done, ctx.Err()
		case err != nil:
			failed(err)
		}
	}
	return done, nil
}

func (e *Exported) stream(root *os.Root, at jsonl.Location) error {
	name := domain.PathOf(at.Run)
	there, err := compare(root, name, at)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", printable.Name(filepath.Join(root.Name(), name)), printable.Error(err))
	case there == same:
		e.Unchanged++
		return nil
	}
	n, err := write(root, name, at)
	if err != nil {
		return fmt.Errorf("%s: %w", printable.Name(filepath.Join(root.Name(), name)), printable.Error(err))
	}
	e.Written, e.Bytes = e.Written+1, e.Bytes+n
	return nil
}

// found describes what is already at a path.
type found int

const (
	nothing found = iota
	beginning
	same
)

// compare compares the file at a path with a stream. It fails with ErrOther if the stream does not
// begin with the file.
func compare(root *os.Root, name string, at jsonl.Location) (found, error) {
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nothing, nil
	} else if err != nil {
		return nothing, err
	}
	defer file.Close()
	stream, err := at.Open()
	if err != nil {
		return nothing, err
	}
	defer stream.Close()
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(file, a)
		m, failed := io.ReadFull(stream, b[:n])
		switch {
		case failed != nil && !isEnd(failed):
			return nothing, failed
		case m < n || !bytes.Equal(a[:n], b[:m]):
			return nothing, ErrOther
		case isEnd(err):
			_, err = io.ReadFull(stream, b[:1])
			if errors.Is(err, io.EOF) {
				return same, nil
			}
			return beginning, err
		case err != nil:
			return nothing, err
		}
	}
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// write writes a stream into a file that has no stream's name until it is whole.
func write(root *os.Root, name string, at jsonl.Location) (n int64, err error) {
	stream, err := at.Open()
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return 0, err
	}
	part := name + "." + rand.Text()[:partText] + ".part"
	file, err := root.Create(part)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(file, stream)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = root.Rename(part, name)
	}
	if err != nil {
		_ = root.Remove(part) // the first error is the one to report
	}
	return n, err
}

// partText is how many random characters are in the name of a file that is being written.
const partText = 8

var isPart = regexp.MustCompile(fmt.Sprintf(`\.jsonl\.[A-Z2-7]{%d}\.part$`, partText))

// removeParts removes the files in a folder that were not written to their ends. Another Export that is
// writing one fails for that stream.
func removeParts(root *os.Root, folder string) {
	entries, _ := fs.ReadDir(root.FS(), filepath.ToSlash(folder)) // it need not exist
	for _, entry := range entries {
		if isPart.MatchString(entry.Name()) && entry.Type().IsRegular() {
			_ = root.Remove(filepath.Join(folder, entry.Name())) // it does no harm
		}
	}
}
