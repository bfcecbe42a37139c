package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/fixtures/synth"
)

// These benchmarks measure the program as a whole, each run beside a yardstick
// in the same minute, since machines change their speed. docs/benchmarks.md
// says how to read them.

// built builds the program, once.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "quire-project")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "quire-project")
	out, err := exec.Command("go", "build", "-o", path, "../quire-project").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// usage is what a process took.
type usage struct {
	wall time.Duration
	mib  float64 // resident, at most; 0 where the system does not tell
}

// program runs the program and returns what it took.
func program(b *testing.B, args ...string) usage {
	b.Helper()
	path, err := built()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	peak := make(chan float64)
	done := make(chan struct{})
	go func() { peak <- watch(cmd.Process.Pid, done) }()
	err = cmd.Wait()
	used := usage{wall: time.Since(start)}
	close(done)
	if used.mib = <-peak; err != nil {
		b.Fatal(err)
	}
	return used
}

// watch samples a process's peak resident memory until done. The value of wait(2) is useless: it
// includes the parent's memory at the fork.
func watch(pid int, done chan struct{}) (mib float64) {
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, line, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
			var kib float64
			if _, err := fmt.Sscan(string(line), &kib); err == nil {
				mib = max(mib, kib/1024)
			}
		}
		select {
		case <-done:
			return mib
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stream writes a synthetic stream to a file and returns its path.
func stream(b *testing.B, shape synth.Shape) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "run.jsonl")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := shape.Write(file, 0); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// unmarshal decodes a stream the obvious way, and does nothing with it.
func unmarshal(b *testing.B, data []byte) time.Duration {
	b.Helper()
	start := time.Now()
	for line := range bytes.Lines(data) {
		var event struct {
			AtMs     int64  `json:"at_ms"`
			Type     string `json:"type"`
			JobID    string `json:"job_id"`
			Cmd      string `json:"cmd"`
			ExitCode int32  `json:"exit_code"`
			Outcome  string `json:"outcome"`
		}
		if err := json.Unmarshal(line, &event); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

// BenchmarkProgram turns 1.7 million events into a file, beside a loop of
// json.Unmarshal over them that does nothing else.
func BenchmarkProgram(b *testing.B) {
	path := stream(b, synth.Yardstick)
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	out := filepath.Join(b.TempDir(), "out")
	for _, format := range []string{"json", "ndjson"} {
		b.Run(format, func(b *testing.B) {
			var loop, ours time.Duration
			var peak float64
			for b.Loop() {
				loop += unmarshal(b, data)
				_ = os.Remove(out) // freeing what was there takes time, too
				used := program(b, path, "--to", format, "-o", out)
				ours += used.wall
				peak = max(peak, used.mib)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ours.Seconds()/float64(b.N), "s")
			b.ReportMetric(loop.Seconds()/float64(b.N), "unmarshal-s")
			b.ReportMetric(loop.Seconds()/ours.Seconds(), "times-as-fast")
			b.ReportMetric(peak, "MiB")
		})
	}
}

// BenchmarkMemory takes streams of the same 100 jobs, one ten times as long as
// the other: 160 MB and 1.6 GB.
func BenchmarkMemory(b *testing.B) {
	for _, sh := range []int{700_000, 7_000_000} {
		b.Run(fmt.Sprintf("events=%d", 2*sh+200), func(b *testing.B) {
			path := stream(b, synth.Shape{Seed: 1, Jobs: 100, Sh: sh, AtOnce: 8})
			var peak float64
			for b.Loop() {
				peak = max(peak, program(b, path, "--to", "ndjson", "-o", os.DevNull).mib)
			}
			b.ReportMetric(peak, "MiB")
		})
	}
}

// BenchmarkGrowth takes streams from ten thousand to ten million events.
func BenchmarkGrowth(b *testing.B) {
	for _, jobs := range []int{1_250, 12_500, 125_000, 1_250_000} {
		shape := synth.Shape{Seed: 1, Jobs: jobs, Sh: 3 * jobs}
		b.Run(fmt.Sprintf("events=%d", shape.Events()), func(b *testing.B) {
			path := stream(b, shape)
			var wall time.Duration
			for b.Loop() {
				wall += program(b, path, "--to", "ndjson", "-o", os.DevNull).wall
			}
			b.ReportMetric(float64(wall.Nanoseconds())/float64(b.N)/float64(shape.Events()), "ns/event")
		})
	}
}

// BenchmarkSmall is a whole process for a run of 26 events, beside jq's.
func BenchmarkSmall(b *testing.B) {
	const path = "../../fixtures/rapid-ci.jsonl"
	jq, err := exec.LookPath("jq")
	if err != nil {
		b.Skip("needs jq to compare with")
	}
	var ours, theirs time.Duration
	for b.Loop() {
		ours += program(b, path).wall
		cmd := exec.Command(jq, ".", path)
		cmd.Stdout = io.Discard
		start := time.Now()
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		theirs += time.Since(start)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours.Seconds()*1e3/float64(b.N), "ms")
	b.ReportMetric(theirs.Seconds()*1e3/float64(b.N), "jq-ms")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "times-as-fast")
}
