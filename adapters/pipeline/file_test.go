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
