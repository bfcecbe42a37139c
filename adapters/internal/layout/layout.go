// Package layout defines which files in folders are the streams of runs, both for packages
// that read streams to the end and for packages that follow them.
//
// Every *.jsonl file is a stream, except in a folder with an events.jsonl: that is the only
// stream in the folder and below it. quire keeps a checkout beside it, which may contain
// other files of that kind.
//
// Folders behind symbolic links are not entered: a link can lead back to its own folder or
// to a whole disk, and a link called latest would make a second run of the newest one. A link
// that leads out of the roots is an error, because there may be streams behind it.
package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// only are names that make a file its folder's only stream, by priority.
var only = []string{"events.jsonl", "events.jsonl.gz", "events.jsonl.zst"}

// IsStream reports whether a file with this name is a stream: its name ends in .jsonl, optionally
// followed by .gz or .zst.
func IsStream(path string) bool {
	name, compressed := strings.CutSuffix(path, ".gz")
	if !compressed {
		name = strings.TrimSuffix(name, ".zst")
	}
	return strings.HasSuffix(name, ".jsonl")
}

// Kind is the kind of an entry of a folder.
type Kind uint8

// The kinds.
const (
	other Kind = iota
	// Stream is a stream, or a link with the name of a stream that leads
	// to a file or to nothing.
	Stream
	// Folder is a folder that may contain streams.
	Folder
	// Link is a symbolic link that leads to a folder, or to nothing.
	Link
)

// Entry is an entry of a folder that may matter.
type Entry struct {
	Path string
	Kind Kind
}

// Read returns the entries of a folder that are streams, folders or links to them, sorted by name.
// isStream reports whether a path has the name of a stream. With an error, Read returns the entries
// that it could read.
func Read(folder string, isStream func(path string) bool) ([]Entry, error) {
	files, err := os.ReadDir(folder)
	var found []Entry
	for _, file := range files {
		path := filepath.Join(folder, file.Name())
		if kind := kindOf(path, file.Type(), isStream); kind != other {
			found = append(found, Entry{path, kind})
		}
	}
	for _, name := range only {
		sole := Entry{filepath.Join(folder, name), Stream}
		if slices.Contains(found, sole) {
			return []Entry{sole}, err
		}
	}
	return found, err
}

// KindOf returns the kind of the file at path, as [Read] does, or zero if the file does not
// matter or does not exist.
func KindOf(path string, isStream func(path string) bool) Kind {
	info, err := os.Lstat(path)
	if err != nil {
		return other
	}
	return kindOf(path, info.Mode(), isStream)
}

func kindOf(path string, mode fs.FileMode, isStream func(path string) bool) Kind {
	named := isStream(path) || slices.Contains(only, filepath.Base(path))
	if mode&fs.ModeSymlink != 0 {
		info, err := os.Stat(path)
		switch {
		case err != nil && !named, err == nil && info.IsDir():
			return Link
		case err != nil:
			return Stream // opening it will fail with the reason
		}
		mode = info.Mode()
	}
	switch {
	case mode.IsDir():
		return Folder
	case named && mode.IsRegular():
		return Stream
	}
	return other
}

// Hidden reports whether walking from root with [Read] would miss a file or a folder, because
// a folder on the way has an only stream.
func Hidden(root, path string) bool {
	for above := filepath.Dir(path); ; above = filepath.Dir(above) {
		if sole := soleIn(above); sole != "" && sole != filepath.Clean(path) {
			return true
		}
		if inside, err := filepath.Rel(root, above); err != nil || inside == "." || !filepath.IsLocal(inside) {
			return false
		}
	}
}

// soleIn returns the path of a folder's only stream, if there is one.
func soleIn(folder string) string {
	for _, name := range only {
		path := filepath.Join(folder, name)
		if KindOf(path, IsStream) == Stream {
			return path
		}
	}
	return ""
}

// ErrLink is in the error for a link that may lead to streams.
var ErrLink = errors.New("is a link that is not followed, and may lead to streams")

// CheckLink returns an error for a link that may lead to streams that are not found
// otherwise: its target is neither in one of the roots nor contains one.
func CheckLink(link string, roots ...string) error {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return fmt.Errorf("%s: %w: it leads nowhere; remove the link, or restore its target", printable.Name(link), ErrLink)
	}
	for _, root := range roots {
		if real, err := filepath.EvalSymlinks(root); err == nil && (isIn(target, real) || isIn(real, target)) {
			return nil
		}
	}
	return fmt.Errorf("%s: %w; name the folder %s as well, or move it here", printable.Name(link), ErrLink, printable.Name(target))
}

func isIn(path, folder string) bool {
	path, pathErr := filepath.Abs(path)
	folder, folderErr := filepath.Abs(folder)
	inside, err := filepath.Rel(folder, path)
	return errors.Join(pathErr, folderErr, err) == nil && filepath.IsLocal(inside)
}

// The compression formats of streams.
const (
	Gzip = "gzip"
	Zstd = "zstd"
)

// Begins reports whether compressed data of this format can begin with these bytes, which may
// be fewer than [MagicSize].
func Begins(kind string, begin []byte) bool {
	switch {
	case kind == Gzip:
		return strings.HasPrefix("\x1f\x8b", string(begin[:min(len(begin), 2)]))
	case len(begin) >= MagicSize:
		return Compression(begin) == Zstd
	}
	return strings.HasPrefix("\x28\xb5\x2f", string(begin)) || begin[0]&0xf0 == 0x50 && strings.HasPrefix("\x2a\x4d", string(begin[1:]))
}

// MagicSize is the number of bytes that [Compression] needs.
const MagicSize = 4

// Compression returns the compression format of a file that begins with these bytes: [Gzip],
// [Zstd], or "" for none. The file's name does not matter, because no stream of events begins
// with the bytes of a format.
func Compression(begin []byte) string {
	switch magic := string(begin[:min(len(begin), MagicSize)]); {
	case strings.HasPrefix(magic, "\x1f\x8b"):
		return Gzip
	case magic == "\x28\xb5\x2f\xfd", isSkippable(magic):
		return Zstd
	}
	return ""
}

// isSkippable reports whether a zstd frame is skippable. Parallel compressors begin with such
// a frame (RFC 8878, 3.1.2).
func isSkippable(magic string) bool {
	return len(magic) == MagicSize && magic[0]&0xf0 == 0x50 && magic[1:] == "\x2a\x4d\x18"
}
