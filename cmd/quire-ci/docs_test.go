package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const cliDocs = "../../docs/quire-ci.md"

// docs/quire-ci.md has the help of all commands; go test -update writes it.
func TestCLIDocs(t *testing.T) {
	var want strings.Builder
	want.WriteString("# The command line of quire-ci\n\n<!-- Written by go test ./cmd/quire-ci -update; do not edit. -->\n")
	for _, command := range []string{"", "run", "validate", "completion"} {
		var out, errs bytes.Buffer
		args := append(strings.Fields(command), "--help")
		if status := run(t.Context(), args, &out, &errs); status != 0 || errs.Len() > 0 {
			t.Fatalf("%v ends with %d: %s", args, status, errs.String())
		}
		want.WriteString("\n## " + strings.TrimSpace("quire-ci "+command) + "\n\n```\n" + out.String() + "```\n")
	}
	if *update {
		require.NoError(t, os.WriteFile(cliDocs, []byte(want.String()), 0o666))
	}
	got, err := os.ReadFile(cliDocs)
	assert.NoError(t, err, "docs/quire-ci.md is not what the commands say")
	assert.Equal(t, want.String(), string(got), "docs/quire-ci.md is not what the commands say")
}

// The first pipeline of docs/pipeline.md runs, and prints what the page shows, except for times.
func TestPipelineExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/pipeline.md")
	require.NoError(t, err)
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(page)
	console := regexp.MustCompile("(?s)```console\n\\$ quire-ci (.*?)\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, example, "docs/pipeline.md has no example")
	require.NotNil(t, console, "docs/pipeline.md has no example")
	folder := workspace(t, string(example[1]))
	cmd := exec.Command("quire-ci", strings.Fields(string(console[1]))...)
	cmd.Dir = folder
	shown, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", err, shown)
	times := regexp.MustCompile(`[0-9.]+m?s\b`)
	if got, want := times.ReplaceAllString(string(shown), "TIME"), times.ReplaceAllString(string(console[2]), "TIME"); got != want {
		t.Errorf("it shows\n%s\nand not\n%s", got, want)
	}
	if record := record(t, folder+"/run.jsonl"); len(record.Diagnostics) > 0 || len(record.ShEvents) != 3 {
		t.Errorf("it records %+v", record)
	}
}

// The project's own pipeline is valid.
func TestOwnPipeline(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"validate", "--workspace", "../.."}, &out, &errs); status != 0 {
		t.Errorf("it ends with %d: %s", status, errs.String())
	}
	assert.Contains(t, out.String(), "\n  race: 1 command, after test\n")
}
