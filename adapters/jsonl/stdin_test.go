package jsonl_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// asStdin makes the reading end of a pipe the test's standard input and returns the
// writing end.
func asStdin(t *testing.T) *os.File {
	t.Helper()
	out, in, err := os.Pipe()
	require.NoError(t, err)
	was := os.Stdin
	os.Stdin = out
	t.Cleanup(func() {
		os.Stdin = was
		_, _ = in.Close(), out.Close()
	})
	return in
}

// flusher takes a live stream.
type flusher interface {
	io.WriteCloser
	Flush() error
}

type unbuffered struct{ *os.File }

func (unbuffered) Flush() error { return nil }

// Standard input is a live stream, compressed or not: each event comes as soon
// as it is written.
func TestStdinIsLive(t *testing.T) {
	for name, compress := range map[string]func(*os.File) flusher{
		"plain": func(in *os.File) flusher { return unbuffered{in} },
		"gzip":  func(in *os.File) flusher { return gzip.NewWriter(in) },
		"zstd": func(in *os.File) flusher {
			w, err := zstd.NewWriter(in)
			require.NoError(t, err)
			return w
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := asStdin(t)
			out := compress(in)
			emit := func() {
				_, err := io.WriteString(out, event+"\n")
				assert.NoError(t, err)
				assert.NoError(t, out.Flush())
			}
			emit()
			file, err := jsonl.Locate(jsonl.Stdin).Open()
			if err != nil || file.Regular || file.Size != 0 {
				t.Fatalf("got %+v, %v", file, err)
			}
			reader := jsonl.NewReader(file, jsonl.Options{})
			for range 3 {
				if batch, err := reader.Next(); len(batch) != 1 || err != nil {
					t.Fatalf("got %d events, %v", len(batch), err)
				}
				emit()
			}
			assert.NoError(t, file.Close())
			_, err = os.Stdin.Stat()
			assert.NoError(t, err, "standard input was closed")
		})
	}
}

func TestStdinOnlyHalfCompressed(t *testing.T) {
	in := asStdin(t)
	if _, err := io.WriteString(in, "\x1f\x8b"); err != nil {
		t.Fatal(err)
	}
	in.Close()
	file, err := jsonl.Locate(jsonl.Stdin).Open()
	require.NoError(t, err)
	entries, err := jsonl.NewReader(file, jsonl.Options{Name: "stdin"}).Next()
	if err != nil || len(entries) != 1 || entries[0].Fault != domain.Torn {
		t.Errorf("got %v, %v; a compressed stream that is cut off is torn there", entries, err)
	}
}

// A file can be closed while it is read ahead.
func TestCloseWhileReading(t *testing.T) {
	lines := strings.Repeat(event+"\n", 100_000)
	folder := folderOf(t, map[string]string{"plain": lines, "gzip": zipped(t, lines), "zstd": zstded(t, lines)})
	for _, name := range []string{"plain", "gzip", "zstd"} {
		for range 10 {
			file, err := jsonl.Locate(filepath.Join(folder, name)).Open()
			require.NoError(t, err)
			ahead := jsonl.NewAhead(jsonl.NewReader(file, jsonl.Options{}))
			_, err = ahead.Next()
			require.NoError(t, err)
			ahead.Close()
			assert.NoError(t, file.Close())
		}
	}
}
