package postgres

import (
	"cmp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

// utf8Strings generates strings that contain or resemble escapes.
func utf8Strings() *rapid.Generator[string] {
	return rapid.OneOf(laws.Text(), strung("\x00", "\x01", "\x02", "␀", "␁", "ⓟ", "…", "a", "é", "😀"))
}

// anyString generates strings of any bytes.
func anyString() *rapid.Generator[string] {
	return rapid.OneOf(
		utf8Strings(),
		strung("\x00", "\x01", "␀", "\xff", "\x80", "\xe2\x90", "a", "é"),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) }),
	)
}

func strung(pieces ...string) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8), func(s []string) string { return strings.Join(s, "") })
}

func TestText(t *testing.T) {
	t.Run("round trip", rapid.MakeCheck(func(t *rapid.T) {
		checkText(t, anyString().Draw(t, "string"))
	}))
	t.Run("different strings have different texts", rapid.MakeCheck(func(t *rapid.T) {
		a, b := anyString().Draw(t, "a"), anyString().Draw(t, "b")
		if a != b && toText(a) == toText(b) {
			t.Errorf("%q and %q have the same text", a, b)
		}
	}))
	t.Run("keeps the order of bytes", rapid.MakeCheck(func(t *rapid.T) {
		a, b := utf8Strings().Draw(t, "a"), utf8Strings().Draw(t, "b")
		assert.Equal(t, cmp.Compare(a, b), cmp.Compare(toText(a), toText(b)))
	}))
	t.Run("usual strings stay as they are", rapid.MakeCheck(func(t *rapid.T) {
		s := rapid.StringMatching("[\t\n\x1b -~é日😀\uFDD0\uFFFD]*").Draw(t, "string")
		assert.Equal(t, s, toText(s))
	}))
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "go test ./...", "a\x00b", "\x01", "\x01␀", "\xff", "\x01…"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkText(t, s)
		fromText(s) // of anything that somebody may have written
	})
}

func checkText(t rapid.TB, s string) {
	t.Helper()
	text := toText(s)
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		t.Errorf("%q becomes %q, which PostgreSQL does not take", s, text)
	}
	if got := fromText(text); got != s {
		t.Errorf("%q comes back as %q", s, got)
	}
	if got := string(appendText([]byte("before"), s)); got != "before"+text {
		t.Errorf("%q is appended as %q", s, got)
	}
}

// fromText accepts any text.
func TestForeignText(t *testing.T) {
	for text, want := range map[string]string{
		"\x01":       "\x01",
		"\x01x":      "\x01x",
		"\x01\x01":   "\x01\x01",
		"a\x01␀\x01": "a\x00\x01",
	} {
		assert.Equal(t, want, fromText(text), "%q", text)
	}
}

func TestPicture(t *testing.T) {
	if got, want := toText("a\x00b\x01c\xff"), "a\x01␀b\x01␁c\x01\u24ff"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Locks are taken in one order, whatever the order of the runs.
func TestLockKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.String(), 0, 9, rapid.ID).Draw(t, "ids")
		runs := make([]domain.RunID, len(ids))
		for i, id := range ids {
			runs[i] = domain.RunID(id)
		}
		keys := lockKeys("public", runs)
		assert.Len(t, keys, len(runs))
		shuffled := rapid.Permutation(runs).Draw(t, "shuffled")
		assert.Equal(t, keys, lockKeys("public", append(shuffled, runs...)))
	})
}
