package pipeline

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDidYouMean(t *testing.T) {
	known := []string{"build", "built", "test", "x"}
	for word, want := range map[string]string{
		"biuld":  `; did you mean "build"?`,
		"buildd": `; did you mean "build"?`,
		"uilt":   `; did you mean "built"?`,
		"tset":   `; did you mean "test"?`,
		"bld":    "", // nothing that is as far from it as it is long
		"y":      "",
		"deploy": "",
		"":       "",
	} {
		assert.Equal(t, want, didYouMean(word, known), word)
	}
}

// No form of a remote that git takes shows a password.
func TestWithoutPassword(t *testing.T) {
	for remote, want := range map[string]string{
		"https://example.org/work/foo.git":              "https://example.org/work/foo.git",
		"https://me:hunter2@example.org/work/foo.git":   "https://example.org/work/foo.git",
		"https://hunter2@example.org/foo.git":           "https://example.org/foo.git",
		"https://me:hun%2Fter2@example.org:8443/foo":    "https://example.org:8443/foo",
		"https://me:hun@ter2@example.org/foo":           "https://example.org/foo",
		"https://me:hun/ter2@example.org/foo":           "",
		"https://example.org/foo?token=hunter2#hunter2": "https://example.org/foo",
		"ssh://git@example.org/foo.git":                 "ssh://example.org/foo.git",
		"git@example.org:work/foo.git":                  "git@example.org:work/foo.git",
		"me:hunter2@example.org:foo.git":                "example.org:foo.git",
		"git@hunter2@example.org:foo.git":               "git@example.org:foo.git",
		"/srv/git/foo.git":                              "/srv/git/foo.git",
		"../foo":                                        "../foo",
		"file:///srv/git/foo.git":                       "file:///srv/git/foo.git",
	} {
		assert.Equal(t, want, withoutPassword(remote), remote)
	}
}
