package printable

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The result contains no control characters, and shows the name.
func TestName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		printed := Name(name)
		require.False(t, strings.ContainsFunc(printed, func(r rune) bool { return !strconv.IsPrint(r) }), "%q is printed as %q", name, printed)
		if unquoted, err := strconv.Unquote(printed); printed != name && (err != nil || unquoted != name) {
			t.Fatalf("%q is printed as %q", name, printed)
		}
	})
}

func TestError(t *testing.T) {
	err := Error(&fs.PathError{Op: "open", Path: "a\x1b[2J", Err: fs.ErrNotExist})
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%q", err)
	}
	if other := errors.New("other"); Error(other) != other {
		t.Error("another error is changed")
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"a":                               "a",
		"no way:\n\ta: down\n\ta: down":   "no way: a: down",
		"no way:\n\ta: down\n\tb: \x1bup": `"no way: a: down b: \x1bup"`,
		"a  b":                            "a  b",
		"trailing\n":                      "trailing ",
	} {
		assert.Equal(t, want, Line(text), "%q", text)
	}
}
