package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const commands = 1000

// BenchmarkCommands runs a thousand times /bin/true through the program, as one
// job with events and logs in files, beside a loop that does the same with os/exec,
// which records nothing. The two are measured in turns, a fifth of the commands at
// a time, since machines change their speed.
func BenchmarkCommands(b *testing.B) {
	quireCI := build(b, "../quire-ci")
	const turns = 5
	folder := b.TempDir()
	pipeline := "jobs:\n- id: a\n  sh:\n" + strings.Repeat("  - /bin/true\n", commands/turns)
	if err := os.Mkdir(filepath.Join(folder, ".quire"), 0o777); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ".quire", "ci.yaml"), []byte(pipeline), 0o666); err != nil {
		b.Fatal(err)
	}
	var ours, loop time.Duration
	run := 0
	for b.Loop() {
		for range turns {
			run++
			ours += timed(b, func() error {
				out := filepath.Join(folder, fmt.Sprint(run))
				return exec.Command(quireCI, "run", "--workspace", folder, "--events", out+".jsonl", "--out-dir", out).Run()
			})
			loop += timed(b, func() error {
				for range commands / turns {
					if err := exec.Command("/bin/sh", "-c", "/bin/true").Run(); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	compare(b, ours, loop)
}

// BenchmarkRuns runs the whole program a hundred times, for a pipeline of one
// command, beside the command by itself.
func BenchmarkRuns(b *testing.B) {
	quireCI := build(b, "../quire-ci")
	folder := b.TempDir()
	if err := os.Mkdir(filepath.Join(folder, ".quire"), 0o777); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ".quire", "ci.yaml"), []byte("jobs: [{id: a, sh: /bin/true}]\n"), 0o666); err != nil {
		b.Fatal(err)
	}
	var ours, loop time.Duration
	for b.Loop() {
		for range 100 {
			ours += timed(b, exec.Command(quireCI, "run", "--workspace", folder).Run)
			loop += timed(b, exec.Command("/bin/sh", "-c", "/bin/true").Run)
		}
	}
	compare(b, ours, loop)
}

func timed(b *testing.B, do func() error) time.Duration {
	b.Helper()
	start := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func compare(b *testing.B, ours, loop time.Duration) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours.Seconds()*1e3/float64(b.N), "ms")
	b.ReportMetric(loop.Seconds()*1e3/float64(b.N), "os/exec-ms")
	b.ReportMetric(ours.Seconds()/loop.Seconds(), "times-as-long")
}
