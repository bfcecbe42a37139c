package display

import (
	"strings"
	"testing"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections/laws"
)

// What fit returns is printable, as wide as it says, and not wider than there is
// room; and the whole text, if there is room for it.
func TestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(laws.Text(), rapid.StringOf(rapid.RuneFrom([]rune("ae\u0301\u0302日ｱ❤\ufe0f\u200d\u202e\u1160가\u20dd\x9b😀🇩🇪")))).Draw(t, "text")
		columns := rapid.IntRange(0, 40).Draw(t, "columns")
		got, width := Fit(s, columns)
		if w := columnsOf(got); w != width || width > columns || text.StringWidth(got) > width {
			t.Fatalf("%q is %d columns wide, not %d; there are %d", got, w, width, columns)
		}
		marks := 0
		for _, r := range got {
			if marks++; !unicode.IsMark(r) {
				marks = 0
			}
			if !unicode.IsPrint(r) || marks > maxMarks {
				t.Fatalf("%U in %q", r, got)
			}
		}
		whole, wide := Fit(s, 1<<20)
		if wide <= columns && got != whole {
			t.Fatalf("%q in %d columns is %q", whole, columns, got)
		}
		if wide > columns && columns > 0 && !(strings.HasSuffix(got, ellipsis) && strings.HasPrefix(whole, strings.TrimSuffix(got, ellipsis))) {
			t.Fatalf("%q is cut to %q", whole, got)
		}
	})
}

// columnsOf adds up the widths of characters.
func columnsOf(s string) (columns int) {
	for _, r := range s {
		columns += text.RuneWidth(r)
	}
	return columns
}

func TestFitExamples(t *testing.T) {
	for _, example := range []struct {
		text    string
		columns int
		want    string
	}{
		{"go test ./...", 20, "go test ./..."},
		{"go test ./...", 7, "go tes…"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"\x1b[2J", 20, `\x1b[2J`},
		{"a\tb\nc", 20, `a\tb\nc`},
		{"\x1b", 3, "…"}, // an escape is not cut
		{"ab\u202ecd", 20, `ab\u202ecd`},
		{"e\u0301", 20, "e\u0301"},
		{"e\u0301\u0301\u0301", 20, "e\u0301\u0301" + `\u0301`},
		{"\u0301", 20, `\u0301`},
		{"a\x1b\u0301", 20, `a\x1b\u0301`},
		{"हिन्दी", 20, "हिन्दी"},
		{"\xff", 20, "\uFFFD"},
		{"abc", 0, ""},
	} {
		if got, _ := Fit(example.text, example.columns); got != example.want {
			t.Errorf("%q in %d columns is %q, want %q", example.text, example.columns, got, example.want)
		}
	}
}
