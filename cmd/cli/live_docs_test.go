package cli

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/storetest/services"
)

// What docs/live.md has for pasting works as it stands.
func TestLiveDocs(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds programs that are tested elsewhere")
	}
	t.Parallel()
	services.PostgreSQL(t) // or it is skipped
	page, err := os.ReadFile("../../docs/live.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(page), "```sh\n")
	script, _, ok := strings.Cut(script, "```")
	if !ok {
		t.Fatal("docs/live.md has nothing to paste")
	}
	for _, port := range []string{"4333", "5444"} {
		if !strings.Contains(script, port) {
			t.Fatalf("docs/live.md has no port %s", port)
		}
		script = strings.ReplaceAll(script, port, freePort(t))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-c", script)
	cmd.Dir = "../.."
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	for _, want := range []string{"published 7 runs", "verified 1 run: no difference", "cobra-failing", "(8 rows)", "no run waits for anything"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q:\n%s", want, out.String())
		}
	}
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
