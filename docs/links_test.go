package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s:]*)\)`)
	code    = regexp.MustCompile("(?s)```.*?```")
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Every link leads to a file and, if it names one, to a heading. docs/README.md links to every page.
func TestLinks(t *testing.T) {
	linked := map[string]bool{"README.md": true, "docs/README.md": true}
	for _, page := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, page), ""), -1) {
			file, fragment, _ := strings.Cut(found[1], "#")
			to := page
			if file != "" {
				to = path.Join(path.Dir(page), file)
			}
			if page == "docs/README.md" {
				linked[to] = true
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if fragment != "" && !hasHeading(read(t, to), fragment) {
				t.Errorf("%s: %s has no heading #%s", page, to, fragment)
			}
		}
	}
	for _, page := range pages(t) {
		assert.True(t, linked[page], "docs/README.md does not link to %s", page)
	}
}

func hasHeading(page, fragment string) bool {
	for _, found := range heading.FindAllStringSubmatch(code.ReplaceAllString(page, ""), -1) {
		slug := notSlug.ReplaceAllString(strings.ToLower(found[1]), "")
		if strings.ReplaceAll(slug, " ", "-") == fragment {
			return true
		}
	}
	return false
}
