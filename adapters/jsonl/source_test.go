package jsonl_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// folderOf makes a folder of files: their contents by their paths.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// checkPrintable checks that there is an error, and that it can be shown on a
// terminal.
func checkPrintable(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, r := range err.Error() {
		if !strconv.IsPrint(r) || r == '\ufffd' {
			t.Errorf("%q is not printable", err.Error())
			return
		}
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func zstded(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

func TestFileSource(t *testing.T) {
	folder := folderOf(t, map[string]string{"repo/0197-a/events.jsonl": ""})
	t.Chdir(filepath.Join(folder, "repo", "0197-a"))
	for path, want := range map[string]domain.RunID{
		jsonl.Stdin:                     domain.StdinRunID,
		"events.jsonl":                  "0197-a", // the folder is not part of the path
		"./events.jsonl":                "0197-a",
		"events.jsonl.gz":               "0197-a",
		"../events.jsonl":               "repo",
		"../0198-b/events.jsonl.zst":    "0198-b",
		"nightly.jsonl":                 "nightly",
		"../nightly.jsonl.gz":           "nightly",
		"./-":                           "-",
		folder + "/repo/x/events.jsonl": "x",
		"/events.jsonl":                 "events",
	} {
		if got := jsonl.FileSource(path); got.Run != want || got.Path != path {
			t.Errorf("%s: got %+v, want run %s", path, got, want)
		}
	}
}

// walk returns what Walk yields: runs by their paths below folder, in order.
func walk(t *testing.T, folder string) (paths []string, runs []domain.RunID, errs []error) {
	t.Helper()
	for source, err := range jsonl.Walk(folder) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		path, err := filepath.Rel(folder, source.Path)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, filepath.ToSlash(path))
		runs = append(runs, source.Run)
	}
	return paths, runs, errs
}

func TestWalk(t *testing.T) {
	folder := folderOf(t, map[string]string{
		"b.jsonl": "", "a.jsonl": "", "a/z.jsonl": "", "a/b/c/deep.jsonl": "",
		"repo/0197-a/events.jsonl": "", "repo/0197-b/events.jsonl.zst": "",
		"c.jsonl.gz": "", "d.jsonl.zst": "",
		// Not streams:
		"notes.txt": "", "a/jsonl": "", "e.jsonl.bak": "", "f.jsonl.gz.tmp": "", "g.gz": "", "H.JSONL": "",
		"twice.jsonl.zst.gz": "", "twice.jsonl.gz.zst": "", "folder.jsonl/inner.txt": "",
	})
	paths, runs, errs := walk(t, folder)
	wantPaths := []string{
		"a/b/c/deep.jsonl", "a/z.jsonl", "a.jsonl", "b.jsonl", "c.jsonl.gz", "d.jsonl.zst",
		"repo/0197-a/events.jsonl", "repo/0197-b/events.jsonl.zst",
	}
	wantRuns := []domain.RunID{"deep", "z", "a", "b", "c", "d", "0197-a", "0197-b"}
	if !reflect.DeepEqual(paths, wantPaths) || !reflect.DeepEqual(runs, wantRuns) || errs != nil {
		t.Errorf("got  %v\n%v, %v\nwant %v\n%v", paths, runs, errs, wantPaths, wantRuns)
	}
	for range jsonl.Walk(folder) {
		break // which must not panic
	}
}

func TestWalkOfWhatIsNoFolder(t *testing.T) {
	folder := folderOf(t, map[string]string{"a.jsonl": "", "a.txt": ""})
	if paths, runs, errs := walk(t, filepath.Join(folder, "a.jsonl")); len(paths) != 1 || runs[0] != "a" || errs != nil {
		t.Errorf("a stream: got %v, %v, %v", paths, runs, errs)
	}
	if paths, _, errs := walk(t, filepath.Join(folder, "a.txt")); paths != nil || errs != nil {
		t.Errorf("another file: got %v, %v", paths, errs)
	}
	for _, path := range []string{"", filepath.Join(folder, "no\x1bsuch")} {
		_, _, errs := walk(t, path)
		if len(errs) != 1 || !errors.Is(errs[0], fs.ErrNotExist) {
			t.Errorf("nothing: got %v", errs)
			continue
		}
		checkPrintable(t, errs[0])
	}
}

// Links to files are streams, links to folders are not entered (or a link
// upwards would never end), but for the one that is named.
func TestWalkAndLinks(t *testing.T) {
	folder := folderOf(t, map[string]string{"real/a.jsonl": event + "\n", "real/events.jsonl": ""})
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(folder, name)); err != nil {
			t.Skip(err)
		}
	}
	link("../real/a.jsonl", "real/b.jsonl")
	link("..", "real/upwards")
	link("../real", "real/folder.jsonl")
	link("no-such-file", "real/dangling.jsonl")
	link("real", "named")

	paths, runs, errs := walk(t, filepath.Join(folder, "named"))
	if want := []string{"a.jsonl", "b.jsonl", "dangling.jsonl", "events.jsonl"}; !reflect.DeepEqual(paths, want) || errs != nil {
		t.Errorf("got %v, %v, want %v", paths, errs, want)
	}
	if runs[3] != "named" {
		t.Errorf("got run %s", runs[3])
	}
	// A stream that a link promises and does not give is no stream less.
	if _, err := jsonl.FileSource(filepath.Join(folder, "named", paths[2])).Open(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dangling: got %v", err)
	}
}

func TestWalkGoesOnAfterWhatCannotBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read anything")
	}
	folder := folderOf(t, map[string]string{"a/1.jsonl": "", "b\x1b/2.jsonl": "", "c/3.jsonl": ""})
	closed := filepath.Join(folder, "b\x1b")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) })
	paths, _, errs := walk(t, folder)
	if want := []string{"a/1.jsonl", "c/3.jsonl"}; !reflect.DeepEqual(paths, want) || len(errs) != 1 || !errors.Is(errs[0], fs.ErrPermission) {
		t.Fatalf("got %v, %v, want %v", paths, errs, want)
	}
	checkPrintable(t, errs[0])
}

// opened reads what a file holds, as a stream.
func opened(t *testing.T, text string) told {
	t.Helper()
	path := filepath.Join(folderOf(t, map[string]string{"a.jsonl": text}), "a.jsonl")
	file, err := jsonl.FileSource(path).Open()
	if err != nil {
		return told{err: err}
	}
	all := readAll(file, jsonl.Options{Name: path})
	if all.err == nil && (!file.Regular || file.Size != int64(len(text)) || file.Done() != file.Size) {
		t.Errorf("read %d of %d bytes, regular: %v", file.Done(), file.Size, file.Regular)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	return all
}

// What compression says on the file's name does not count: its bytes do.
func TestOpen(t *testing.T) {
	lines := strings.Repeat(event+"\n", 20_000)
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"empty":             {"", 0},
		"short":             {"\n", 0},
		"plain":             {lines, 20_000},
		"gzip":              {zipped(t, lines), 20_000},
		"gzip of nothing":   {zipped(t, ""), 0},
		"gzip, members":     {zipped(t, lines[:1000]) + zipped(t, "") + zipped(t, lines[1000:]), 20_000},
		"zstd":              {zstded(t, lines), 20_000},
		"zstd, frames":      {zstded(t, lines[:1000]) + zstded(t, lines[1000:]), 20_000},
		"zstd of one event": {zstded(t, event), 1},
	} {
		if all := opened(t, test.text); len(all.entries) != test.want || all.err != nil {
			t.Errorf("%s: got %d events, %v, want %d", name, len(all.entries), all.err, test.want)
		}
	}
}

// A compressed file that is cut is damaged, and not the record of a run whose
// writer died: what was read of it cannot be all that there was.
func TestOpenDamaged(t *testing.T) {
	lines := strings.Repeat(event+"\n", 20_000)
	gz, zst := zipped(t, lines), zstded(t, lines)
	flipped := []byte(gz)
	flipped[len(gz)-6] ^= 1 // the checksum
	for name, text := range map[string]string{
		"gzip, only its magic": gz[:2],
		"gzip, cut in header":  gz[:7],
		"gzip, cut in data":    gz[:len(gz)/2],
		"gzip, cut at its end": gz[:len(gz)-1],
		"gzip, checksum":       string(flipped),
		"gzip, garbage behind": gz + "garbage",
		"gzip, members, cut":   gz + gz[:len(gz)-3],
		"zstd, only its magic": zst[:4],
		"zstd, cut in header":  zst[:5],
		"zstd, cut in data":    zst[:len(zst)/2],
		"zstd, cut at its end": zst[:len(zst)-1],
		"zstd, garbage behind": zst + "garbage",
		"zstd, frames, cut":    zst + zst[:len(zst)-1],
	} {
		all := opened(t, text)
		var malformed *jsonl.MalformedError
		if all.err == nil || errors.As(all.err, &malformed) || errors.Is(all.err, io.EOF) || strings.Contains(shape(all.entries), "T") {
			t.Errorf("%s: got %d events, %v", name, len(all.entries), all.err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	folder := folderOf(t, map[string]string{"folder\x1b[31m/a": "", "cut\x1b[31m.jsonl": "\x1f\x8b\x08"})
	for name, want := range map[string]struct {
		is   error
		says string
	}{
		"no such\x1b[31m\u202e\xff": {fs.ErrNotExist, "no such"},
		"folder\x1b[31m":            {nil, "is a folder, not a stream"},
		"cut\x1b[31m.jsonl/a":       {syscall.ENOTDIR, "cut"},
	} {
		_, err := jsonl.FileSource(filepath.Join(folder, name)).Open()
		if err == nil || want.is != nil && !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: got %v", name, err)
		}
		checkPrintable(t, err)
	}
}

// Names of streams are printed safely in what a reader says, too.
func TestReaderErrorsArePrintable(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a\x1b]0;title\a", "a\n", "a\x7f", "a\xff", "a\u009b2J", "a\u2028", "a\u202e"} {
		for _, src := range []io.Reader{strings.NewReader("{}\n"), mustOpen(t, filepath.Join(folder, name))} {
			_, err := jsonl.NewReader(src, jsonl.Options{Name: name}).Next()
			if err == nil || !strings.HasPrefix(err.Error(), `"a\`) {
				t.Errorf("got %v", err)
			}
			checkPrintable(t, err)
		}
	}
	for _, name := range []string{"plain", "with space", "日本", `back\slash`, `"quoted"`} {
		if _, err := jsonl.NewReader(strings.NewReader("{}\n"), jsonl.Options{Name: name}).Next(); !strings.HasPrefix(err.Error(), name+":1:1: ") {
			t.Errorf("got %v", err)
		}
	}
}

// mustOpen opens a folder that it makes, from which no byte can be read.
func mustOpen(t *testing.T, path string) io.Reader {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}
