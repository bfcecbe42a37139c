package shell_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
)

// paired measures two things in turn, so that both run under the same load, and reports
// their medians and the ratio of these.
type paired struct{ ours, theirs []time.Duration }

func (p *paired) measure(ours, theirs func() error) error {
	for _, side := range []struct {
		times *[]time.Duration
		do    func() error
	}{{&p.ours, ours}, {&p.theirs, theirs}} {
		start := time.Now()
		if err := side.do(); err != nil {
			return err
		}
		*side.times = append(*side.times, time.Since(start))
	}
	return nil
}

// report reports the median of one of the n things that were measured together.
func (p *paired) report(b *testing.B, n float64) {
	median := func(times []time.Duration) float64 {
		slices.Sort(times)
		return float64(times[len(times)/2]) / n
	}
	ours, theirs := median(p.ours), median(p.theirs)
	b.ReportMetric(ours, "ns/ours")
	b.ReportMetric(theirs, "ns/yardstick")
	b.ReportMetric(ours/theirs, "ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkEvent compares recording an event with a bare write(2) of its line.
func BenchmarkEvent(b *testing.B) {
	const n = 1000
	var files [2]*os.File
	for i := range files {
		files[i] = create(b, fmt.Sprint(i))
	}
	event := domain.NewShStarted(1795444880217, "build", "go build -trimpath ./... # some 40 bytes")
	line, err := jsonl.Append(nil, &event)
	if err != nil {
		b.Fatal(err)
	}
	record := shell.Recorder(jsonl.NewWriter(files[0]))
	times := func(do func() error) func() error {
		return func() (err error) {
			for range n {
				err = do()
			}
			return err
		}
	}
	var both paired
	for b.Loop() {
		err := both.measure(
			times(func() error { return record(domain.NewShStarted(time.Now().UnixMilli(), "build", event.Cmd)) }),
			times(func() error { _, err := files[1].Write(line); return err }))
		if err != nil {
			b.Fatal(err)
		}
	}
	both.report(b, n)
}

func create(b *testing.B, name string) *os.File {
	file, err := os.Create(filepath.Join(b.TempDir(), name))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	return file
}

// BenchmarkCommand compares a command, with its two events and its log, with os/exec
// running the same command: without any output, and with its output going straight to a
// file.
func BenchmarkCommand(b *testing.B) {
	const cmd = "/bin/true"
	plain := func() *exec.Cmd { return exec.Command("/bin/sh", "-c", cmd) }
	b.Run("beside exec", func(b *testing.B) {
		beside(b, cmd, func() error { return plain().Run() })
	})
	b.Run("beside exec to a file", func(b *testing.B) {
		folder, n := b.TempDir(), 0
		beside(b, cmd, func() error {
			n++
			file, err := os.Create(filepath.Join(folder, fmt.Sprint(n)))
			if err != nil {
				return err
			}
			defer file.Close()
			c := plain()
			c.Stdout, c.Stderr = file, file
			return c.Run()
		})
	})
}

// beside measures the commands of one job.
func beside(b *testing.B, cmd string, yardstick func() error) {
	var both paired
	inJob(b, nil, func(ctx context.Context, sh *shell.Shell) error {
		for b.Loop() {
			if err := both.measure(func() error { return sh.Run(ctx, cmd) }, yardstick); err != nil {
				return err
			}
		}
		return nil
	})
	both.report(b, 1)
}

// inJob runs a body as a job whose stream goes to a file.
func inJob(b *testing.B, secrets []string, run body) {
	p := one(b, run)
	sink := jsonl.NewWriter(create(b, "events.jsonl"))
	if _, err := p.Run(b.Context(), shell.Options{Sink: sink, Logs: b.TempDir(), Secrets: secrets}); err != nil {
		b.Fatal(err)
	}
}

var someSecrets = []string{"ghp_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789", "AKIAIOSFODNN7EXAMPLE", "correct horse battery staple", key}

// BenchmarkOutput measures how fast output gets into a log: 256 MB in lines of some 60
// bytes, compared with the same output going straight to a file.
func BenchmarkOutput(b *testing.B) {
	const size = 256 << 20
	line := "go: downloading github.com/quire-ci/quire-project v1.2.3-0.2026"
	cmd := fmt.Sprintf("yes '%s' | head -c %d", line, size)
	for name, secrets := range map[string][]string{"plain": nil, "with secrets": someSecrets} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			file := create(b, "output")
			var both paired
			inJob(b, secrets, func(ctx context.Context, sh *shell.Shell) error {
				for b.Loop() {
					err := both.measure(
						func() error {
							exit, err := sh.Try(ctx, cmd)
							_ = os.Truncate(exit.Log, 0) // or the disk fills up
							return err
						},
						func() error {
							c := exec.Command("/bin/sh", "-c", cmd)
							c.Stdout = file
							err := c.Run()
							_ = file.Truncate(0)
							_, _ = file.Seek(0, 0)
							return err
						})
					if err != nil {
						return err
					}
				}
				return nil
			})
			both.report(b, 1)
		})
	}
}

// BenchmarkLog measures the log alone, without pipes and files.
func BenchmarkLog(b *testing.B) {
	lines := bytes.Repeat([]byte("go: downloading github.com/quire-ci/quire-project v1.2.3-0.2026\n"), shell.BufferSize/64)
	for name, test := range map[string]struct {
		part    []byte
		secrets []string
	}{
		"lines":                   {lines, nil},
		"lines, secrets":          {lines, someSecrets},
		"short lines":             {bytes.Repeat([]byte("\n"), shell.BufferSize), nil},
		"one long line":           {bytes.Repeat([]byte("x"), shell.BufferSize), nil},
		"one long line, secrets":  {bytes.Repeat([]byte("x"), shell.BufferSize), someSecrets},
		"nothing but the secrets": {bytes.Repeat([]byte(someSecrets[0]), shell.BufferSize/40), someSecrets},
	} {
		b.Run(name, func(b *testing.B) {
			out, err := shell.NewOutput(discard{}, time.Now, test.secrets)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(test.part)))
			for b.Loop() {
				out.Write(test.part)
			}
		})
	}
}
