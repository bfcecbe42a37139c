package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

const cliDocs = "../../docs/cli.md"

// docs/cli.md is what the commands' help says; go test -update writes it.
func TestCLIDocs(t *testing.T) {
	var want strings.Builder
	want.WriteString("# The command line\n\n<!-- Written by go test ./cmd/cli -update; do not edit. -->\n")
	for _, command := range []string{
		"", "check", "rebuild", "verify", "follow", "publish", "subscribe",
		"quarantine", "quarantine list", "quarantine show", "quarantine retry", "quarantine drop", "projections", "schema", "completion",
	} {
		var out, errs bytes.Buffer
		args := append(strings.Fields(command), "--help")
		if status := Run(t.Context(), args, &out, &errs); status != 0 || errs.Len() > 0 {
			t.Fatalf("%v ends with %d: %s", args, status, errs.String())
		}
		want.WriteString("\n## " + strings.TrimSpace("quire-project "+command) + "\n\n```\n" + out.String() + "```\n")
	}
	if *update {
		if err := os.WriteFile(cliDocs, []byte(want.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(cliDocs)
	if err != nil || string(got) != want.String() {
		t.Errorf("docs/cli.md is not what the commands say (%v); run go test ./cmd/cli -update", err)
	}
}
