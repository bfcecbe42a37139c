package jsonl_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// folderOf makes a folder of files, given as contents by path.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, err)
	}
	return folder
}

// checkPrintable checks that there is an error and that it has only printable
// characters.
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

func zipped(t require.TestingT, text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, errors.Join(err, w.Close()))
	return out.String()
}

func zstded(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return string(w.EncodeAll([]byte(text), nil))
}

func TestLocate(t *testing.T) {
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
		if got := jsonl.Locate(path); got.Run != want || got.Path != path {
			t.Errorf("%s: got %+v, want run %s", path, got, want)
		}
	}
}

// walk returns the paths below folder and the runs that Walk yields, in order.
func walk(t *testing.T, folder string) (paths []string, runs []domain.RunID, errs []error) {
	t.Helper()
	for source, err := range jsonl.Walk(folder) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		path, err := filepath.Rel(folder, source.Path)
		require.NoError(t, err)
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
		break // must not panic
	}
}

// A folder with an events.jsonl has no other stream, whatever is in it or below it.
func TestWalkWhereARunHasACheckout(t *testing.T) {
	folder := folderOf(t, map[string]string{
		"42/events.jsonl": "", "42/other.jsonl": "", "42/events.jsonl.gz": "", "42/checkout/fixtures/a.jsonl": "",
		"42/checkout/runs/1/events.jsonl": "", "43/events.jsonl.zst": "", "43/a.jsonl": "",
		"events/a.jsonl": "", "44/events.jsonl/a.jsonl": "",
	})
	paths, runs, errs := walk(t, folder)
	wantPaths := []string{"42/events.jsonl", "43/events.jsonl.zst", "44/events.jsonl/a.jsonl", "events/a.jsonl"}
	assert.Equal(t, wantPaths[:3], paths)
	assert.Len(t, errs, 1)
	assert.Equal(t, []domain.RunID{"42", "43", "a"}, runs)
	checkDuplicate(t, errs[0], filepath.Join(folder, "events", "a.jsonl"), filepath.Join(folder, "44", "events.jsonl", "a.jsonl"))
	if paths, _, errs := walk(t, filepath.Join(folder, "42", "checkout", "fixtures")); len(paths) != 1 || errs != nil {
		t.Errorf("a folder that you name is walked wherever it is; got %v, %v", paths, errs)
	}
}

func checkDuplicate(t *testing.T, err error, name, taken string) {
	t.Helper()
	var duplicate *store.DuplicateError
	if !errors.As(err, &duplicate) || duplicate.Name != name || duplicate.Taken != taken {
		t.Errorf("got %v; want %s beside %s", err, name, taken)
	}
}

// Walk takes several paths in the given order. A run has one stream.
func TestWalkOfSeveral(t *testing.T) {
	folder := folderOf(t, map[string]string{"z.jsonl": "", "b/1.jsonl": "", "b/7/run.jsonl": "", "a/1.jsonl": "", "a/8/run.jsonl": "", "odd.txt": ""})
	in := func(path string) string { return filepath.Join(folder, path) }
	var paths []string
	var errs []error
	for source, err := range jsonl.Walk(in("z.jsonl"), in("b"), in("a"), in("odd.txt"), in("b"), jsonl.Stdin) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		paths = append(paths, source.Path)
	}
	if want := []string{in("z.jsonl"), in("b/1.jsonl"), in("b/7/run.jsonl"), in("odd.txt")}; !reflect.DeepEqual(paths, want) || len(errs) != 5 {
		t.Fatalf("got %v, %v, want %v", paths, errs, want)
	}
	checkDuplicate(t, errs[0], in("a/1.jsonl"), in("b/1.jsonl"))
	checkDuplicate(t, errs[1], in("a/8/run.jsonl"), in("b/7/run.jsonl"))
	checkDuplicate(t, errs[2], in("b/1.jsonl"), in("b/1.jsonl"))
	checkDuplicate(t, errs[4], jsonl.Stdin, in("b/7/run.jsonl"))
}

func TestWalkOfNothing(t *testing.T) {
	folder := folderOf(t, map[string]string{"empty\x1b/notes.txt": "", "empty\x1b/deeper/x": "", "full/a.jsonl": ""})
	for _, path := range []string{"", filepath.Join(folder, "no\x1bsuch"), filepath.Join(folder, "empty\x1b")} {
		want := fs.ErrNotExist
		if strings.Contains(path, "empty") {
			want = jsonl.ErrNoStream
		}
		_, _, errs := walk(t, path)
		if len(errs) != 1 || !errors.Is(errs[0], want) {
			t.Errorf("%q: got %v", path, errs)
			continue
		}
		checkPrintable(t, errs[0])
	}
	n := 0 // an empty folder beside a full one is an error, too
	for _, err := range jsonl.Walk(filepath.Join(folder, "full"), filepath.Join(folder, "empty\x1b")) {
		if n++; (n == 2) != errors.Is(err, jsonl.ErrNoStream) {
			t.Error(err)
		}
	}
}

// Links to files are streams. Walk does not follow links to folders, except the
// folder that you name: a link upwards would never end. A link to a folder outside
// is an error, because that folder may have streams.
func TestWalkAndLinks(t *testing.T) {
	folder := folderOf(t, map[string]string{"real/a.jsonl": event + "\n", "real/1/events.jsonl": "", "disk2/c.jsonl": ""})
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(folder, name)); err != nil {
			t.Skip(err)
		}
	}
	link("../real/a.jsonl", "real/b.jsonl")
	link("..", "real/upwards")
	link("../real", "real/folder.jsonl")
	link("1", "real/latest")
	link("no-such-file", "real/dangling.jsonl")
	link("real", "named")

	paths, _, errs := walk(t, filepath.Join(folder, "named"))
	if want := []string{"1/events.jsonl", "a.jsonl", "b.jsonl", "dangling.jsonl"}; !reflect.DeepEqual(paths, want) || errs != nil {
		t.Errorf("got %v, %v, want %v", paths, errs, want)
	}
	// A dangling link counts as a stream; opening it fails.
	_, err := jsonl.Locate(filepath.Join(folder, "named", paths[3])).Open()
	assert.ErrorIs(t, err, fs.ErrNotExist, "dangling")

	// Links to folders inside make no stream.
	require.NoError(t, os.Mkdir(filepath.Join(folder, "links"), 0o777))
	link(".", "links/latest")
	if paths, _, errs := walk(t, filepath.Join(folder, "links")); paths != nil || len(errs) != 1 || !errors.Is(errs[0], jsonl.ErrNoStream) {
		t.Errorf("inward links alone: got %v, %v", paths, errs)
	}

	link("../disk2", "real/away")
	link("../disk3", "real/gone\x1b")
	_, _, errs = walk(t, filepath.Join(folder, "named"))
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), "disk2 as well") || !strings.Contains(errs[1].Error(), "leads nowhere") {
		t.Errorf("got %v", errs)
	}
	for _, err := range errs {
		checkPrintable(t, err)
	}
	for source, err := range jsonl.Walk(filepath.Join(folder, "named"), filepath.Join(folder, "disk2")) {
		if err != nil && !strings.Contains(err.Error(), "leads nowhere") {
			t.Errorf("%s: %v; where it leads is walked, too", source.Path, err)
		}
	}
}

func TestWalkContinuesAfterAnUnreadableFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read anything")
	}
	folder := folderOf(t, map[string]string{"a/1.jsonl": "", "b\x1b/2.jsonl": "", "c/3.jsonl": ""})
	closed := filepath.Join(folder, "b\x1b")
	require.NoError(t, os.Chmod(closed, 0))
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) })
	paths, _, errs := walk(t, folder)
	if want := []string{"a/1.jsonl", "c/3.jsonl"}; !reflect.DeepEqual(paths, want) || len(errs) != 1 || !errors.Is(errs[0], fs.ErrPermission) {
		t.Fatalf("got %v, %v, want %v", paths, errs, want)
	}
	checkPrintable(t, errs[0])
}

// opened writes text to a file and reads it as a stream.
func opened(t *testing.T, text string) told {
	t.Helper()
	path := filepath.Join(folderOf(t, map[string]string{"a.jsonl": text}), "a.jsonl")
	file, err := jsonl.Locate(path).Open()
	if err != nil {
		return told{err: err}
	}
	all := readAll(file, jsonl.Options{Name: path})
	checkBytes(t, path, all)
	if all.err == nil && (!file.Regular || file.Size != int64(len(text)) || file.Done() != file.Size) {
		t.Errorf("read %d of %d bytes, regular: %v", file.Done(), file.Size, file.Regular)
	}
	assert.NoError(t, file.Close())
	return all
}

// checkBytes checks that the bytes of a file hold the wanted events. The bytes of a file
// that was cut off contain no marker of the cut, and reading them ends with an error.
func checkBytes(t *testing.T, path string, want told) {
	t.Helper()
	file, err := jsonl.Locate(path).Open()
	require.NoError(t, err)
	defer file.Close()
	text, err := io.ReadAll(file.Bytes())
	if file.Cut() != errors.Is(err, jsonl.ErrCut) || file.Cut() && bytes.ContainsRune(text, '\x1a') {
		t.Fatalf("cut: %v, %v, ends with %q", file.Cut(), err, text[max(0, len(text)-20):])
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	got := readAll(bytes.NewReader(whole), jsonl.Options{Name: path}).entries
	if want.err == nil && len(got) < len(want.entries)-1 {
		t.Fatalf("%d events in the bytes, %d in the file", len(got), len(want.entries))
	}
}

// The bytes of a file say how it is compressed. Its name does not count.
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
		// Compressors that work in parallel begin with a frame that readers skip.
		"zstd, skippable frame": {"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + zstded(t, lines), 20_000},
	} {
		if all := opened(t, test.text); len(all.entries) != test.want || all.err != nil {
			t.Errorf("%s: got %d events, %v, want %d", name, len(all.entries), all.err, test.want)
		}
	}
}

// Damage other than a cut is an error.
func TestOpenDamaged(t *testing.T) {
	lines := strings.Repeat(event+"\n", 20_000)
	gz, zst := zipped(t, lines), zstded(t, lines)
	flipped := []byte(gz)
	flipped[len(gz)-6] ^= 1 // the checksum
	flippedZstd := []byte(zst)
	flippedZstd[len(zst)-2] ^= 1
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"gzip, checksum":             {string(flipped), nil},
		"zstd, checksum":             {string(flippedZstd), nil},
		"gzip, garbage behind":       {gz + "garbage", jsonl.ErrGarbage},
		"gzip, a line behind":        {gz + event + "\n", jsonl.ErrGarbage},
		"gzip, garbage behind zeros": {gz + strings.Repeat("\x00", 5000) + "garbage", jsonl.ErrGarbage},
		"gzip, zstd behind":          {gz + zst, jsonl.ErrGarbage},
		"zstd, garbage behind":       {zst + "garbage", jsonl.ErrGarbage},
		"zstd, little behind":        {zst + "\x28\xb5x", jsonl.ErrGarbage},
		"zstd, window of 512 MiB":    {"\x28\xb5\x2f\xfd\x00\x98\x09\x00\x00\n", jsonl.ErrWindow},
		"zstd, content of 1 TiB":     {"\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x01\x00\x00\x09\x00\x00\n", jsonl.ErrWindow},
	} {
		all := opened(t, test.text)
		var malformed *jsonl.MalformedError
		if all.err == nil || errors.As(all.err, &malformed) || test.want != nil && !errors.Is(all.err, test.want) || strings.Contains(shape(all.entries), "T") {
			t.Errorf("%s: got %d events, %v", name, len(all.entries), all.err)
		}
	}
}

// A compressed file that is cut at any byte gives whole lines and a torn tail, and no
// fewer lines than the same file cut at an earlier byte.
func TestOpenCut(t *testing.T) {
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, "{\"at_ms\":%d,\"type\":\"job_started\",\"job_id\":\"%d\"}\n", i*i%7919, i*7919%104729)
	}
	text := lines.String()
	half := strings.Index(text[len(text)/2:], "\n") + len(text)/2 + 1
	skippable := "\x5a\x2a\x4d\x18\x05\x00\x00\x00abcde"
	for name, parts := range map[string][]string{
		"gzip":   {zipped(t, text[:half]), zipped(t, text[half:]), "\x00\x00\x00\x00\x00"},
		"zstd":   {skippable, zstded(t, text[:half]), zstded(t, text[half:]), skippable, "\x00\x00"},
		"single": {zstded(t, text)},
	} {
		file, wholes := "", map[int]bool{}
		for _, part := range parts {
			file += part
			wholes[len(file)] = true
		}
		want, before := opened(t, file).entries, 0
		for n := 4; n <= len(file); n++ {
			all := opened(t, file[:n])
			sound := all.entries
			whole := wholes[n] || strings.HasSuffix(file[:n], "\x00") && n > len(file)-5
			if !whole {
				sound = sound[:max(0, len(sound)-1)]
				require.NotEmpty(t, all.entries, "%s, cut at byte %d: not torn", name, n)
				require.Equal(t, domain.Torn, all.entries[len(sound)].Fault, "%s, cut at byte %d: not torn", name, n)
			}
			if all.err != nil || len(sound) < before || len(sound) > len(want) || !slices.Equal(sound, want[:len(sound)]) {
				t.Fatalf("%s, cut at byte %d: got %d events after %d, %v", name, n, len(sound), before, all.err)
			}
			if before = len(sound); before < len(want) && n >= len(strings.TrimRight(file, "\x00")) {
				t.Fatalf("%s, cut at byte %d: got %d of %d events", name, n, before, len(want))
			}
			if n < len(file)-40 {
				n += 29
			}
		}
		// Only the last byte of the checksum is missing.
		last := strings.TrimSuffix(strings.TrimRight(file, "\x00"), skippable)
		assert.Len(t, opened(t, last[:len(last)-1]).entries, len(want)+1, "%s, cut in its checksum", name)
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
		_, err := jsonl.Locate(filepath.Join(folder, name)).Open()
		if err == nil || want.is != nil && !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: got %v", name, err)
		}
		checkPrintable(t, err)
	}
}

// The errors of a reader show the name of the stream without control characters.
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

// mustOpen makes a folder and opens it: every read from it fails.
func mustOpen(t *testing.T, path string) io.Reader {
	t.Helper()
	require.NoError(t, os.Mkdir(path, 0o700))
	file, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file
}
