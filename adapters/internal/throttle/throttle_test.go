package throttle

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTexts(t *testing.T) {
	var texts Texts
	now := time.Unix(1, 0)
	allow := func(text string, want bool) {
		t.Helper()
		assert.Equal(t, want, texts.allow(text, now), "%q at %v", text, now)
	}
	allow("a", true)
	allow("a", false)
	allow("b", true)
	now = now.Add(Every - 1)
	allow("a", false)
	now = now.Add(1)
	allow("a", true)
	allow("a", false)
}

// Texts that are never the same do not fill the memory either.
func TestTextsAreForgotten(t *testing.T) {
	var texts Texts
	for i := range 10 * most {
		if !texts.Allow(strconv.Itoa(i)) {
			t.Fatal(i)
		}
	}
	assert.LessOrEqual(t, len(texts.logged), most)
}
