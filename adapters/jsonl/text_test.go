package jsonl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quire-ci/quire-project/adapters/jsonl"
)

// A chunk may end where a string begins, in its middle, or in an escape.
func TestStringsAtTheEndOfAChunk(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	const form = `{"at_ms":1,"type":"sh_started","job_id":"","cmd":"%s"}`
	escapes := []string{"", `\n`, `\u00e9`, `\u65e5`, `\ud83d\ude00`, `\ud83d\ude00\n\ud83d\ude00`}
	for left := range 48 {
		canonical := jsonl.NewCanonical()
		filler := fmt.Sprintf(form, strings.Repeat("x", jsonl.ChunkSize-left))
		for plain := range 24 {
			for _, escape := range escapes {
				if _, ok := canonical([]byte(filler), 0); !ok {
					t.Fatal("the filler was refused")
				}
				line := fmt.Sprintf(form, strings.Repeat("y", plain)+escape+strings.Repeat("z", 20))
				got, ok := canonical([]byte(line), 0)
				if want, _ := modelDecode([]byte(line)); !ok || got != want {
					t.Fatalf("%d left: %s\n got %+v, %v\nwant %+v", left, line, got, ok, want)
				}
			}
		}
	}
}

// A string that is refused after it was given a chunk leaves nothing in that chunk.
func TestRefusedStringsLeaveNothing(t *testing.T) {
	const form = `{"at_ms":1,"type":"sh_started","job_id":"%s","cmd":"%s"}`
	judges := newJudges()
	for i, size := range []int{3 * jsonl.ChunkSize, 2 * jsonl.ChunkSize, jsonl.ChunkSize, 10} {
		long := strings.Repeat("x", size)
		judges.check(t, fmt.Sprintf(form, "a", long))
		judges.check(t, fmt.Sprintf(form, "a", long[:size/2]+`\x`))
		judges.check(t, fmt.Sprintf(form, fmt.Sprint(i), "\xff"+long))
		judges.check(t, fmt.Sprintf(form, fmt.Sprint(i), "short"))
	}
}
