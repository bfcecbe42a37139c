package report_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// full is the document as encoding/json sees it.
type full struct {
	Schema string `json:"schema"`
	projections.Record
}

// The output of the hand-written encoders is byte for byte that of encoding/json for the same rows.
func TestDocumentIsTheRecord(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		got := write(t, report.JSON, entries, report.Options{})
		if want := marshal(t, full{report.SchemaVersion, *record(t, entries)}); got != want {
			t.Fatalf("the document is\n%s, want\n%s", got, want)
		}
	})
}

// marshal encodes like encoding/json, without escapes for HTML and JavaScript.
func marshal(t rapid.TB, v any) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(v))
	return strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(out.String())
}

func TestPrettyIsTheSameDocument(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		var compact bytes.Buffer
		pretty := write(t, report.JSON, entries, report.Options{Pretty: true})
		require.NoError(t, json.Compact(&compact, []byte(pretty)))
		if got, want := compact.String(), strings.TrimSuffix(write(t, report.JSON, entries, report.Options{}), "\n"); got != want {
			t.Fatalf("pretty is\n%s, want\n%s", got, want)
		}
		if !strings.HasPrefix(pretty, "{\n  \"schema\": ") || !strings.HasSuffix(pretty, "\n}\n") {
			t.Fatalf("pretty is not indented: %s", pretty)
		}
	})
}

// A document of some projections has exactly their members of the whole document, in the same
// order.
func TestSelection(t *testing.T) {
	whole := map[string]json.RawMessage{}
	entries := fixtures(t)["../../fixtures/parallel-jobs.jsonl"]
	unmarshal(t, write(t, report.JSON, entries, report.Options{}), &whole)
	for _, test := range []struct{ names, want string }{
		{"run", "run"},
		{"labels", "labels"},
		{"diagnostics jobs", "jobs diagnostics"},
		{"timings", "timings"},
		{"timings.slowest timings.jobs timings.run timings.sh_events", "timings"},
		{"run jobs sh_events timings diagnostics", "run jobs sh_events timings diagnostics"},
	} {
		want := `{"schema":"quire-project/v1"`
		for _, name := range strings.Fields(test.want) {
			want += `,"` + name + `":` + string(whole[name])
		}
		if got := write(t, report.JSON, entries, report.Options{Projections: only(strings.Fields(test.names)...)}); got != want+"}\n" {
			t.Errorf("%s: the document is\n%s, want\n%s}", test.names, got, want)
		}
	}
	part := map[string]map[string]json.RawMessage{}
	got := write(t, report.JSON, entries, report.Options{Projections: only("timings.slowest")})
	unmarshal(t, strings.Replace(got, `"schema":"quire-project/v1",`, "", 1), &part)
	if len(part) != 1 || len(part["timings"]) != 1 || len(part["timings"]["slowest"]) < 10 {
		t.Errorf("a part of timings is %s", got)
	}
}

func unmarshal(t rapid.TB, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func TestWriteReturnsTheRun(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		want := record(t, entries).Run
		for _, kind := range report.Kinds() {
			format := kind.Name
			got, err := report.Write(&bytes.Buffer{}, format, "run-1", stream(entries), report.Options{Projections: allFor(format)})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s returns %+v, %v; want %+v", format, got, err, want)
			}
		}
	})
}

// allFor returns the projections that a format can write.
func allFor(format report.Format) []*projections.Definition {
	if format == report.CSV {
		return only("run")
	}
	return nil
}

func TestCSVTakesOneProjection(t *testing.T) {
	for _, chosen := range [][]*projections.Definition{nil, {}, only("run", "jobs"), only("timings")} {
		var out bytes.Buffer
		_, err := report.Write(&out, report.CSV, "r", stream(nil), report.Options{Projections: chosen})
		assert.ErrorIs(t, err, report.ErrOneProjection, "%d projections", len(chosen))
	}
}

// Escaping a document for a terminal does not change its meaning, and leaves nothing that controls
// the terminal, however it is cut into writes.
func TestTerminalSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cmd := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("\x7f\u009b\u202e\U000E0001\x1b[é日")))).Draw(t, "cmd")
		document := write(t, report.JSON, []domain.Entry{
			{Event: domain.NewShStarted(1, "a", cmd), Position: domain.Position{Line: 1}},
		}, report.Options{})
		var screen bytes.Buffer
		w := terminal.Escape(&screen)
		for rest := []byte(document); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "bytes")
			_, err := w.Write(rest[:n])
			require.NoError(t, err)
			rest = rest[n:]
		}
		for _, r := range screen.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("the terminal gets %U", r)
			}
		}
		var want, got any
		unmarshal(t, document, &want)
		unmarshal(t, screen.String(), &got)
		wantText, _ := json.Marshal(want)
		if gotText, _ := json.Marshal(got); !bytes.Equal(gotText, wantText) {
			t.Fatalf("the terminal shows %s, want %s", gotText, wantText)
		}
	})
}
