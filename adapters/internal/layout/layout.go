// Package layout decides which files of a folder are streams.
//
// Every *.jsonl is a stream, but for a folder that holds an events.jsonl: that is
// its only stream, and nothing else in the folder or below it is one. quire keeps a
// checkout beside it, with whatever streams are in there.
//
// A folder that is reached by a symbolic link is not entered: it can lead back to
// where it was found, it can lead to a whole disk, and a link called latest would
// make a second run of the newest one. A link that leads outside of what is walked
// is an error, because there may be streams behind it.
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

// only are the names of a file that is its folder's only stream, the first of them
// that is there.
var only = []string{"events.jsonl", "events.jsonl.gz", "events.jsonl.zst"}

// IsStream reports whether a file with this name is a stream: its name ends in
// .jsonl, or in .gz or .zst behind that.
func IsStream(path string) bool {
	name, compressed := strings.CutSuffix(path, ".gz")
	if !compressed {
		name = strings.TrimSuffix(name, ".zst")
	}
	return strings.HasSuffix(name, ".jsonl")
}

// Kind is what is found in a folder.
type Kind uint8

// The kinds of what is found.
const (
	other Kind = iota
	// Stream is a file that is a stream, or a link that is called like one and leads
	// to a file or to nothing.
	Stream
	// Folder is a folder in which there may be streams.
	Folder
	// Link is a symbolic link that leads to a folder, or to nothing.
	Link
)

// Entry is something in a folder that matters.
type Entry struct {
	Path string
	Kind Kind
}

// Read returns what in a folder matters, by name. isStream says of a path whether it
// is called like a stream. An error can come with what could be read all the same.
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

// KindOf returns what is at path, as [Read] says it; nothing if it does not matter, or
// is not there.
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
			return Stream // opening it says what is wrong
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

// Hidden reports whether a file or a folder is none that [Read] would lead to from
// root: because a folder on the way has a stream that is its only one.
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

// soleIn returns the path of the stream that is its folder's only one, if there is one.
func soleIn(folder string) string {
	for _, name := range only {
		path := filepath.Join(folder, name)
		if KindOf(path, IsStream) == Stream {
			return path
		}
	}
	return ""
}

// ErrLink is in the error of a link to a folder that is not entered, and may lead to
// streams.
var ErrLink = errors.New("is a link that is not entered, and there may be streams behind it")

// CheckLink returns an error for a link that may lead to streams that are not found
// otherwise: not to a folder in one of the roots, nor to one that they are in.
func CheckLink(link string, roots ...string) error {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return fmt.Errorf("%s: %w: it leads nowhere; remove the link, or make available what it leads to", printable.Name(link), ErrLink)
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

// The compressions that streams are read from.
const (
	Gzip = "gzip"
	Zstd = "zstd"
)

// Begins reports whether compressed data of this kind can begin with begin, which may be
// shorter than [MagicSize].
func Begins(kind string, begin []byte) bool {
	switch {
	case kind == Gzip:
		return strings.HasPrefix("\x1f\x8b", string(begin[:min(len(begin), 2)]))
	case len(begin) >= MagicSize:
		return Compression(begin) == Zstd
	}
	return strings.HasPrefix("\x28\xb5\x2f", string(begin)) || begin[0]&0xf0 == 0x50 && strings.HasPrefix("\x2a\x4d", string(begin[1:]))
}

// MagicSize is how many bytes [Compression] looks at.
const MagicSize = 4

// Compression returns how a file that begins with begin is compressed: [Gzip],
// [Zstd], or "" for not at all. What the file is called does not matter. A
// stream of events never begins like that.
func Compression(begin []byte) string {
	switch magic := string(begin[:min(len(begin), MagicSize)]); {
	case strings.HasPrefix(magic, "\x1f\x8b"):
		return Gzip
	case magic == "\x28\xb5\x2f\xfd", isSkippable(magic):
		return Zstd
	}
	return ""
}

// isSkippable reports whether a frame of zstd is one to skip, as parallel compressors
// write it first (RFC 8878, 3.1.2).
func isSkippable(magic string) bool {
	return len(magic) == MagicSize && magic[0]&0xf0 == 0x50 && magic[1:] == "\x2a\x4d\x18"
}
