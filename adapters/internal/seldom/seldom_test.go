package seldom

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWords(t *testing.T) {
	var w Words
	now := time.Unix(1, 0)
	say := func(words string, want bool) {
		t.Helper()
		assert.Equal(t, want, w.new(words, now), "%q at %v is to be", words, now)
	}
	say("a", true)
	say("a", false)
	say("b", true)
	now = now.Add(Every - 1)
	say("a", false)
	now = now.Add(1)
	say("a", true)
	say("a", false)
}

// Words that are never the same do not fill the memory either.
func TestWordsAreForgotten(t *testing.T) {
	var w Words
	for i := range 10 * most {
		if !w.New(strconv.Itoa(i)) {
			t.Fatal(i)
		}
	}
	if len(w.said) > most {
		t.Errorf("%d are remembered", len(w.said))
	}
}
