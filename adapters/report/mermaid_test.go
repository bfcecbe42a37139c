package report_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/npmtest"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// mermaid is what draws charts.
var mermaid = npmtest.Package{Name: "mermaid", Version: "12.3.0", SHA512: "4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+65PRN6yZ69J4f8rVYWW8zRk65UYw=="}

// drawn is what a browser shows of a chart.
type drawn struct {
	Error    string
	Title    string
	Sections []string
	Bars     []string // kinds and names of the bars
}

// draw draws charts in headless Chromium.
func draw(t *testing.T, charts []string) []drawn {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	script := mermaid.File(t, "dist/mermaid.min.js")
	asJSON, err := json.Marshal(charts)
	require.NoError(t, err)
	// json.Marshal escapes < and >, so that no text can end the script.
	page := `<!DOCTYPE html><meta charset="utf-8"><pre id="drawn"></pre><script>` + script + `</script><script>
const charts = ` + string(asJSON) + `;
mermaid.initialize({startOnLoad: false, securityLevel: "strict"});
const texts = (svg, selector) => [...svg.querySelectorAll(selector)].map(e => e.textContent).filter(text => text);
const bar = rect => {
  const numbers = ["x", "y", "width", "height"].map(name => rect.getAttribute(name));
  if (numbers.some(n => n === null || n === "" || !isFinite(n) || n < 0)) return "is not drawn: " + numbers;
  const kind = rect.getAttribute("class").replace(/[0-9]+/g, "").split(" ").filter(c => c && c !== "task").join(" ");
  return kind + ": " + rect.ownerDocument.getElementById(rect.id + "-text").textContent;
};
(async () => {
  const all = [];
  for (const [i, chart] of charts.entries()) {
    try {
      const {svg} = await mermaid.render("chart" + i, chart);
      const doc = new DOMParser().parseFromString(svg, "text/html");
      const rects = [...doc.querySelectorAll("rect.task")];
      all.push({title: texts(doc, ".titleText")[0], sections: texts(doc, ".sectionTitle"),
        bars: rects.map(bar)});
    } catch (e) { all.push({error: String(e)}); }
  }
  document.getElementById("drawn").textContent = JSON.stringify(all) + "END";
})();
</script>`
	path := filepath.Join(t.TempDir(), "charts.html")
	require.NoError(t, os.WriteFile(path, []byte(page), 0o666))
	// Chromium's virtual time pauses while a script computes.
	browser := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=10000", "--dump-dom", "file://"+path)
	var log bytes.Buffer
	browser.Stderr = &log
	dom, err := browser.Output()
	require.NoError(t, err, "%s", &log)
	found := regexp.MustCompile(`(?s)<pre id="drawn">(.*?)END</pre>`).FindSubmatch(dom)
	require.NotNil(t, found, "the charts are not drawn: %s", &log)
	var all []drawn
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(string(found[1]))), &all))
	require.Len(t, all, len(charts))
	return all
}

// chart is a Gantt chart with the bars that it must show.
type chart struct {
	text     string
	title    string
	bars     []string
	sections []string
}

// chartOf returns the chart of a run.
func chartOf(t rapid.TB, entries []domain.Entry) chart {
	t.Helper()
	run := record(t, entries)
	var c chart
	type bar struct {
		start, took int64 // took is -1 if it is not known
		index       int
		shown       string
	}
	var bars []bar
	for i, job := range run.Jobs {
		start, end := job.StartedAtMs, job.FinishedAtMs
		if !end.Valid && start.Valid {
			end = run.Timings.Run.LastAtMs
		}
		b := bar{start: start.V, took: -1, index: i}
		switch d := projections.Span(start.V, end.V); {
		case start.Valid && d.Valid:
			b.took = d.V
		case !start.Valid && !end.Valid:
			continue
		case !start.Valid:
			b.start = end.V
		}
		if b.start < 0 || b.start > 253402300799999-max(b.took, 0) {
			continue
		}
		mark, class := "✓", "done"
		switch job.State {
		case projections.Failed:
			mark, class = "✗", "crit"
		case projections.Active:
			mark, class = "…", "active"
		}
		if b.took < 0 {
			class = "milestone " + class
		}
		name := []rune(report.Printable(cmp.Or(job.JobID, `""`)))
		if len(name) > 60 {
			name = append(name[:59], '…')
		}
		b.shown = class + ": " + mark + " " + string(name)
		bars = append(bars, b)
	}
	slices.SortStableFunc(bars, func(a, b bar) int { return cmp.Compare(b.took, a.took) })
	bars = bars[:min(len(bars), 50)]
	slices.SortFunc(bars, func(a, b bar) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.index, b.index)) })
	for _, b := range bars {
		c.bars = append(c.bars, b.shown)
	}
	c.title = "run-1 " + map[bool]string{true: "complete so far"}[run.Run.State == projections.Complete && !run.Run.Ended]
	if c.title == "run-1 " {
		c.title += map[projections.State]string{projections.Failed: "failed", projections.Active: "unfinished", projections.Complete: "complete"}[run.Run.State]
	}
	if len(bars) < len(run.Jobs) {
		c.title += fmt.Sprintf(", %d of %d job", len(bars), len(run.Jobs))
		if len(run.Jobs) != 1 {
			c.title += "s"
		}
	}
	c.text = writeAll(t, report.Mermaid, report.Options{}, entries)
	checkChartSize(t, c.text)
	return c
}

// checkChartSize checks a chart against Mermaid's limits.
func checkChartSize(t rapid.TB, chart string) {
	t.Helper()
	if n := len(utf16.Encode([]rune(chart))); n > 50_000 {
		t.Fatalf("a chart has %d characters", n)
	}
}

// hostileNames would be syntax of a chart, or of the Markdown around it.
var hostileNames = append([]string{
	"end", "section x", "done", "crit, 0, 1ms", "milestone", "vert", "click a call b()", "click a href x", "call", "%%{init: {}}%%", "%% x", "a;b", "a#b", "a:b", "a, b",
	"accTitle: x", "accDescr {", "accDescription x", "title x", "gantt", "---", "dateFormat x", "excludes monday", "weekday monday", "inclusiveEndDates", "topAxis", "2024-01-01",
	"ﬂ°x¶ß", "ﬂ°°35¶ß", "#35;", "#quot;", "&amp;", "<br>x<br/>y", "<b>x</b>", "__proto__", "", " ", " x ", "a\x00b", "\x1b[0m", "x\n y", "\u2028", "\u202e", "$$x$$", "{}", "fa:fa-user",
	"javascript:alert(1)", "``` x", "\U0010ffff", strings.Repeat("\U0010ffff", 100), strings.Repeat("~", 100), strings.Repeat("ﬂ", 100),
}, hostile...)

// Mermaid draws each chart with a bar and a name for each job that it must show, in the order of
// their starts, whatever the names and times are.
func TestMermaid(t *testing.T) {
	var charts []chart
	for _, name := range hostileNames {
		charts = append(charts, chartOf(t, laws.Entries([]domain.Event{
			domain.NewJobStarted(1795444880000, name), domain.NewJobStarted(1795444880000, "other"), domain.NewJobFinished(1795444880100, name, domain.Failed),
		})))
	}
	forEach(t, func(t rapid.TB, entries []domain.Entry) { charts = append(charts, chartOf(t, entries)) })
	var many []domain.Event
	for i := range 120 {
		name := fmt.Sprint(i) + hostileNames[i%len(hostileNames)]
		many = append(many, domain.NewJobStarted(int64(i), name), domain.NewJobFinished(int64(i+i*7%50), name, domain.Complete))
	}
	charts = append(charts, chartOf(t, laws.Entries(many)), chartOfManyRuns(t))
	var texts []string
	for _, c := range charts {
		texts = append(texts, c.text)
	}
	for i, got := range draw(t, texts) {
		want := charts[i]
		if got.Error != "" || got.Title != want.title || !slices.Equal(got.Bars, want.bars) || !slices.Equal(got.Sections, want.sections) {
			t.Fatalf("Mermaid draws\n%+v\nand not\n%+v", got, want)
		}
	}
}

// chartOfManyRuns returns a chart of runs and jobs whose names are as long as possible and all the
// same: a section for each run.
func chartOfManyRuns(t *testing.T) (c chart) {
	var out strings.Builder
	w, err := report.NewWriter(&out, report.Mermaid)
	require.NoError(t, err)
	long, cut := strings.Repeat("ﬂ", 100), strings.Repeat("ﬂ", 59)+"…"
	for i := range int64(60) {
		_, err := w.Add(domain.RunID(long), stream(laws.Entries([]domain.Event{domain.NewJobStarted(i, long), domain.NewJobFinished(2*i, long, domain.Failed)})), report.Options{})
		require.NoError(t, err)
		if i >= 10 {
			c.bars = append(c.bars, "crit: ✗ "+cut)
			c.sections = append(c.sections, fmt.Sprintf("%s failed (%d)", cut, i+1))
		}
	}
	c.sections[0] = cut + " failed"
	c.title = "60 runs, 50 of 60 jobs, 1 run could not be read"
	w.Unread()
	require.NoError(t, w.Close())
	c.text = out.String()
	checkChartSize(t, c.text)
	return c
}

// Unusual streams give the expected charts.
func TestMermaidOfOddStreams(t *testing.T) {
	assert.Equal(t, "gantt\n    title run-1 unfinished\n    dateFormat x\n    axisFormat %S.%Ls\n", writeAll(t, report.Mermaid, report.Options{}, nil))
	assert.Equal(t, `gantt
    title run-1 failed, 4 of 6 jobs
    dateFormat x
    axisFormat %S.%Ls
    ✓ backwards:done, milestone, 10, 0ms
    ✗ a#58;b#59;#92;x00:crit, 12, 8ms
    … open:active, 14, 86ms
    ✓ only its end:done, milestone, 30, 0ms
`, writeAll(t, report.Mermaid, report.Options{}, laws.Entries([]domain.Event{
		domain.NewJobStarted(10, "backwards"),
		domain.NewJobStarted(12, "a:b;\x00"),
		domain.NewJobStarted(-1, "before 1970"),
		domain.NewJobStarted(14, "open"),
		domain.NewShStarted(14, "no start and no end", "make"),
		domain.NewJobFinished(20, "a:b;\x00", domain.Failed),
		domain.NewJobFinished(9, "backwards", domain.Complete),
		domain.NewJobFinished(30, "only its end", domain.Complete),
		domain.NewJobFinished(99, "before 1970", domain.Complete),
		domain.NewRunFinished(100, domain.Failed),
	})))
}
