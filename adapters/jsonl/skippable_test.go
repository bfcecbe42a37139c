package jsonl_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
)

// Compressors that work in parallel begin with a frame that is to be skipped.
func TestZstdThatBeginsWithASkippableFrame(t *testing.T) {
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "run.jsonl.zst")
	data := append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"), encoder.EncodeAll([]byte(`{"at_ms":1,"type":"job_started","job_id":"a"}`+"\n"), nil)...)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	file, err := jsonl.Locate(path).Open()
	require.NoError(t, err)
	defer file.Close()
	reader := jsonl.NewReader(file, jsonl.Options{})
	entries, err := reader.Next()
	if err != nil || len(entries) != 1 || entries[0].JobID != "a" {
		t.Fatalf("got %+v, %v", entries, err)
	}
	_, err = reader.Next()
	assert.ErrorIs(t, err, io.EOF, "it ends")
}
