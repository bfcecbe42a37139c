package laws

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quire-ci/quire-project/projections"
)

// update has its own name, since tests often define -update themselves.
var update = flag.Bool("laws.update", false, "write the golden files of laws.Golden anew")

// Golden compares the rows of a stream with those in a file, which has a line of JSON for each row,
// in order of their index. The flag -laws.update writes the file.
//
//	laws.Golden(t, FailedByJob, jsonl.NewReader(file, jsonl.Options{}), "testdata/failed_sh.golden")
func Golden[R comparable](t testing.TB, of *projections.Defined[R], stream projections.Stream, path string) {
	t.Helper()
	o := observe(of.New())
	if err := o.fold.Drain(stream); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	for _, row := range o.outcome().rows() {
		line := struct {
			Index int  `json:"index"`
			Final bool `json:"final"`
			Row   R    `json:"row"`
		}{row.Index, row.Final, row.Value}
		if err := encoder.Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -laws.update to write it", err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the rows are not those of %s; if they are right, run the test with -laws.update:\n%s",
			path, compared(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")))
	}
}
