package postgres

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// idsNearLimits generates ids around the lengths at which something changes.
func idsNearLimits() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		unit := rapid.SampledFrom([]string{"x", "é", "😀", "\x00", "\x01", "\xff"}).Draw(t, "unit")
		around := rapid.SampledFrom([]int{maxBeginning, maxKey / 4, maxKey}).Draw(t, "around")
		length := max(0, around/len(unit)+rapid.IntRange(-2, 2).Draw(t, "more"))
		return anyString().Draw(t, "beginning") + strings.Repeat(unit, length) + anyString().Draw(t, "end")
	})
}

func TestJobKey(t *testing.T) {
	t.Run("is a key", rapid.MakeCheck(func(t *rapid.T) {
		id := idsNearLimits().Draw(t, "id")
		key, short := jobKey(id)
		if len(key) > maxKey || !utf8.ValidString(key) || strings.Contains(key, "\x00") {
			t.Errorf("the key has %d bytes: %q", len(key), key)
		}
		if isShort(key) != short {
			t.Errorf("isShort is %v for a key of which jobKey says %v", !short, short)
		}
		if !short && fromText(key) != id {
			t.Errorf("%q comes back as %q", id, fromText(key))
		}
	}))
	t.Run("different ids have different keys", rapid.MakeCheck(func(t *rapid.T) {
		a := idsNearLimits().Draw(t, "a")
		key, _ := jobKey(a)
		// An id that looks like a key, and one that differs at its end.
		for _, b := range []string{key, fromText(key), a + "x"} {
			if other, _ := jobKey(b); a != b && key == other {
				t.Errorf("%q has the key of %q", b, a)
			}
		}
	}))
}

func TestShortKey(t *testing.T) {
	id := strings.Repeat("x", maxBeginning-1) + "é" + strings.Repeat("y", maxKey)
	key, short := jobKey(id)
	if want := strings.Repeat("x", maxBeginning-1) + "\x01…"; !short || !strings.HasPrefix(key, want) {
		t.Errorf("%q, want it to begin with %q", key, want)
	}
	if id := strings.Repeat("x", maxKey); isShort(first(jobKey(id))) {
		t.Error("an id that fits is shortened")
	}
}

func first(key string, _ bool) string { return key }
