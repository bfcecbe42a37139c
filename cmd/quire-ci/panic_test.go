package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// brittle is a standard error that the program does not survive.
type brittle struct{ bytes.Buffer }

func (b *brittle) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "✓ 1 job,") {
		panic("brittle")
	}
	return b.Buffer.Write(p)
}

// Logs that are not kept are removed though the program panics.
func TestPanic(t *testing.T) {
	folder := workspace(t, `jobs: [{id: a, sh: echo shown}]`)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	var shown brittle
	func() {
		defer func() {
			assert.NotNil(t, recover(), "it did not panic")
		}()
		run(t.Context(), []string{"run", "--workspace", folder}, &bytes.Buffer{}, &shown)
	}()
	assert.Contains(t, shown.String(), "    | shown\n", "it shows")
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
}
