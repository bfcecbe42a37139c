package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
	"sync"
)

//go:generate go tool esbuild --bundle --minify --format=esm --target=es2022 --charset=utf8 --outfile=dist/app.js assets/app.js
//go:generate go tool esbuild --minify --target=chrome110,firefox110,safari16 --outfile=dist/style.css assets/style.css

//go:embed dist templates
var files embed.FS

// assets are the style sheet and the script. Their names contain a hash of their content, so that
// browsers can cache them for ever.
type assets struct {
	content       map[string][]byte
	style, script string // addresses
}

// site returns the assets, which are loaded once.
var site = sync.OnceValue(loadAssets)

func loadAssets() *assets {
	a := &assets{content: map[string][]byte{}}
	load := func(file string) string {
		content, err := files.ReadFile("dist/" + file)
		if err != nil {
			panic(err) // the files are embedded in the program
		}
		sum := sha256.Sum256(content)
		name := hex.EncodeToString(sum[:8]) + path.Ext(file)
		a.content[name] = content
		return "/assets/" + name
	}
	a.style, a.script = load("style.css"), load("app.js")
	return a
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	content, ok := a.content[name]
	if !ok {
		return errNoPage
	}
	kind := "text/css; charset=utf-8"
	if path.Ext(name) == ".js" {
		kind = "text/javascript; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(content)
	return nil
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{"safe": safe}).ParseFS(files, "templates/*.html"))
