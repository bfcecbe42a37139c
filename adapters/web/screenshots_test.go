package web_test

import (
	"archive/tar"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
)

var update = flag.Bool("update", false, "write the pictures in docs/images")

// The pictures of docs/browser.md and docs/slower.md are screenshots of these pages. Browsers and
// fonts differ, so the pictures are only made on demand: go test ./adapters/web -run Screenshots
// -update
func TestScreenshots(t *testing.T) {
	const images = "../../docs/images"
	if !*update {
		for _, page := range []string{"browser", "slower"} {
			docs := must(os.ReadFile("../../docs/" + page + ".md"))
			for _, image := range regexp.MustCompile(`\(images/(\S+\.png)\)`).FindAllSubmatch(docs, -1) {
				require.FileExists(t, filepath.Join(images, string(image[1])))
			}
		}
		return
	}
	s, slower, ctx := newSite(t), newSite(t), browser(t)
	shop(s)
	history(s)
	recorded(slower)
	for name, shot := range map[string]struct {
		*site
		path, scheme  string
		width, height int64
	}{
		"list":     {s, "/", "light", 960, 420},
		"run":      {s, "/runs/1042", "light", 960, 810},
		"run-dark": {s, "/runs/1042", "dark", 400, 700},
		"log":      {s, "/runs/1042/log/test/2", "light", 960, 380},
		"compare":  {s, "/compare?a=911&b=914", "light", 960, 900},
		"groups":   {slower, "/compare?a=ref%3Dmain%2Clast%3D20&b=ref%3Dshort-waits%2Clast%3D20", "light", 960, 640},
		"trends":   {s, "/trends?runs=pipeline%3Dnightly", "light", 960, 860},
		"slower":   {slower, "/trends?runs=ref%3Dmain", "light", 960, 860},
	} {
		look(t, ctx, shot.width, shot.scheme)
		do(t, ctx, chromedp.EmulateViewport(shot.width, shot.height), chromedp.Navigate(shot.URL+shot.path), chromedp.WaitReady("main"))
		picture, err := chromedp.Call(ctx, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(images, name+".png"), picture.Data, 0o644))
	}
}

// recorded adds the runs of fixtures/history.
func recorded(s *site) {
	packed := must(os.Open("../../fixtures/history/runs.tar.gz"))
	defer packed.Close()
	files := tar.NewReader(must(gzip.NewReader(packed)))
	for {
		header, err := files.Next()
		if err == io.EOF {
			return
		}
		require.NoError(s.t, err)
		if path.Base(header.Name) == "events.jsonl" {
			s.addBytes(domain.RunID(path.Base(path.Dir(header.Name))), must(io.ReadAll(files)))
		}
	}
}

// shop adds runs of a small project; the last one goes on.
func shop(s *site) {
	begun := time.Now().Add(-4*time.Hour - 95*time.Second).UnixMilli()
	for i := range int64(5) {
		at := begun + i*3_600_000
		id := domain.RunID(fmt.Sprint(1038 + i))
		labels := must(domain.NewLabels(domain.Label{Key: "repo", Value: "shop"}, domain.Label{Key: "ref", Value: []string{"main", "cart"}[i%2]}))
		s.add(id, domain.NewRunStarted(at, labels),
			domain.NewJobStarted(at+10, "lint"), domain.NewShStarted(at+20, "lint", "golangci-lint run"),
			domain.NewJobStarted(at+30, "build"), domain.NewShStarted(at+40, "build", "go build ./..."), domain.NewShFinished(at+21_000, "build", 0),
			domain.NewShStarted(at+21_000, "build", "docker build -t shop ."), domain.NewShFinished(at+35_400, "lint", 0), domain.NewJobFinished(at+35_400, "lint", domain.Complete),
			domain.NewShFinished(at+48_000, "build", 0), domain.NewJobFinished(at+48_000, "build", domain.Complete),
			domain.NewJobStarted(at+48_100, "test"), domain.NewShStarted(at+48_100, "test", "go vet ./..."), domain.NewShFinished(at+57_000, "test", 0), domain.NewShStarted(at+57_000, "test", "go test ./..."))
		if i == 4 {
			s.add(id, domain.NewJobStarted(at+58_000, "pictures"), domain.NewShStarted(at+58_000, "pictures", "./pictures.sh"),
				domain.NewShFinished(at+83_000, "test", 1), domain.NewJobFinished(at+83_000, "test", domain.Failed), domain.NewShFinished(at+91_000, "pictures", 0), domain.NewShStarted(at+91_000, "pictures", "./upload.sh"))
			s.log(string(id), "test", 2, "\x1b[32mok\x1b[0m  \tshop/orders\t1.204s", "\x1b[31m--- FAIL: TestTotal (0.00s)\x1b[0m", "    cart_test.go:14: the total is 3, and not 4", "\x1b[31mFAIL\x1b[0m\tshop/cart\t0.310s", "FAIL")
			return
		}
		s.add(id, domain.NewShFinished(at+90_000+i*1000, "test", 0), domain.NewJobFinished(at+90_000+i*1000, "test", domain.Complete), domain.NewRunFinished(at+90_000+i*1000, domain.Complete))
	}
}
