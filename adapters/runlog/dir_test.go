package runlog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/projections"
)

// run makes a run's folder with logs, whose contents are their names.
func run(t require.TestingT, folder string, logs ...string) jsonl.Location {
	stream := filepath.Join(folder, "events.jsonl")
	for _, name := range append(logs, "events.jsonl") {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(name), 0o600))
	}
	return jsonl.Locate(stream)
}

func read(t require.TestingT, d *Dir, c Command) (string, error) {
	file, err := d.Open(c)
	path, pathErr := d.Path(c)
	require.Equal(t, err == nil, pathErr == nil, "%v, %v", err, pathErr)
	if err != nil {
		require.EqualError(t, pathErr, err.Error())
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	require.NoError(t, err)
	same, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, same, content)
	return string(content), nil
}

// A log is read only from the folder of logs, whatever the job's name is.
func TestOnlyLogs(t *testing.T) {
	base := t.TempDir()
	at := run(t, filepath.Join(base, "runs", "1"), "jobs/a/sh-1.log", "jobs/a/b/sh-1.log", "secret/sh-1.log", "sh-1.log")
	require.NoError(t, os.WriteFile(filepath.Join(base, "runs", "sh-1.log"), []byte("secret"), 0o600))
	jobs := filepath.Join(base, "runs", "1", "jobs")
	for name, target := range map[string]string{
		"out": "..", "abs": filepath.Join(base, "runs"), "secret": "../secret", "in": "a", "loop": "loop",
		"file/sh-1.log": "../../events.jsonl", "fine/sh-1.log": "../a/sh-1.log",
	} {
		path := filepath.Join(jobs, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		if err := os.Symlink(target, path); err != nil {
			t.Skip("needs symbolic links: ", err)
		}
	}
	d, err := Open(at, "")
	require.NoError(t, err)
	defer d.Close()
	for name, want := range map[string]string{"a": "jobs/a/sh-1.log", "a/b": "jobs/a/b/sh-1.log", "in": "jobs/a/sh-1.log", "fine": "jobs/a/sh-1.log"} {
		got, err := read(t, d, Command{name, 1, 1, 1})
		require.NoError(t, err, name)
		require.Equal(t, want, got)
	}
	part := rapid.SampledFrom([]string{"..", ".", "/", "/", "\\", "a", "b", "out", "abs", "secret", "in", "loop", "file", "fine", "", "runs", "1", "\x00", "\n", "%2e%2e", base})
	rapid.Check(t, func(t *rapid.T) {
		job := rapid.OneOf(rapid.Map(rapid.SliceOfN(part, 0, 6), func(parts []string) string { return strings.Join(parts, "") }), rapid.String()).Draw(t, "job")
		if got, err := read(t, d, Command{job, 1, 1, 1}); err == nil {
			require.True(t, strings.HasPrefix(got, "jobs/a/"), "%q leads to %s", job, got)
		} else {
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "\x00")
		}
	})
}

// The logs of quire-ci are numbered by seq, those of quire by ended commands.
func TestNumbers(t *testing.T) {
	ours, quires := t.TempDir(), t.TempDir()
	run(t, ours, "jobs/a/sh-1.log", "jobs/a/sh-2.log", "jobs/a/sh-3.log")
	run(t, quires, "jobs/a/sh-1.log", "jobs/a/sh-2.log")
	// Of three commands the first was not spawned.
	first, second, third := Command{"a", 1, 0, 3}, Command{"a", 2, 1, 3}, Command{"a", 3, 2, 3}
	for _, test := range []struct {
		folder string
		c      Command
		want   string // "" if there is none
	}{
		{ours, first, "jobs/a/sh-1.log"},
		{ours, second, "jobs/a/sh-2.log"},
		{ours, third, "jobs/a/sh-3.log"},
		{quires, first, ""},
		{quires, second, "jobs/a/sh-1.log"},
		{quires, third, "jobs/a/sh-2.log"},
		{ours, Command{"a", 4, 4, 4}, ""},   // which has just started
		{quires, Command{"a", 4, 4, 4}, ""}, // and was not spawned, or is running
	} {
		d, err := Open(jsonl.Locate(filepath.Join(test.folder, "events.jsonl")), "")
		require.NoError(t, err)
		got, err := read(t, d, test.c)
		if test.want == "" {
			require.ErrorIs(t, err, ErrNoLog)
		} else {
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		}
		require.NoError(t, d.Close())
	}
}

// Logged reports for all commands at once whether they have logs.
func TestLogged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		folder, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		jobs := []string{"a", "b/c", "..", ""}
		files := rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("jobs/%s/sh-%d.log", rapid.SampledFrom(jobs[:2]).Draw(t, "folder"), rapid.IntRange(0, 6).Draw(t, "number"))
		}), rapid.ID).Draw(rt, "files")
		at := run(rt, folder, append(files, "jobs/file")...)
		d, err := Open(at, "")
		require.NoError(rt, err)
		defer d.Close()
		seqs, all := map[string]int{}, []projections.ShEvent{}
		for range rapid.IntRange(0, 12).Draw(rt, "commands") {
			sh := projections.ShEvent{JobID: rapid.SampledFrom(append(jobs, "file")).Draw(rt, "job")}
			seqs[sh.JobID]++
			sh.Seq = seqs[sh.JobID]
			if rapid.Bool().Draw(rt, "closed") {
				sh.FinishedAtMs = projections.Some(rapid.Int64Range(0, 3).Draw(rt, "end"))
			}
			all = append(all, sh)
		}
		for i, logged := range d.Logged(all) {
			of, ok := CommandOf(all, all[i].JobID, all[i].Seq)
			require.True(rt, ok)
			_, err := d.Path(of)
			require.Equal(rt, err == nil, logged, "%+v: %v", of, err)
		}
	})
}

// Logs are beside the stream or in the named folder, for one run or for several.
func TestOpen(t *testing.T) {
	base := t.TempDir()
	events := run(t, filepath.Join(base, "runs", "1"), "jobs/a/sh-1.log", "checkout/b.jsonl", "b.jsonl")
	run(t, filepath.Join(base, "runs", "2"))
	run(t, filepath.Join(base, "logs"), "jobs/a/sh-1.log", "7/jobs/a/sh-1.log")
	run(t, filepath.Join(base, "file"), "jobs")
	for _, name := range []string{"flat/1.jsonl", "flat/2.jsonl", "flat/jobs/a/sh-1.log", "lone/1.jsonl.gz", "lone/jobs/a/sh-1.log"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(base, name)), 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(base, name), []byte(name), 0o600))
	}
	at := func(name, run string) jsonl.Location {
		location := jsonl.Locate(filepath.Join(base, name))
		if run != "" {
			location.Run = jsonl.Locate(run).Run
		}
		return location
	}
	for _, test := range []struct {
		at     jsonl.Location
		folder string
		want   string // or the error
	}{
		{events, "", "runs/1/jobs"},
		{at("runs/2/events.jsonl", ""), "", "there are no logs in "},
		{at("runs/3/events.jsonl", ""), "", "there are no logs in "},
		{at("file/events.jsonl", ""), "", "not a directory"},
		{at("lone/1.jsonl.gz", ""), "", "lone/jobs"},
		{at("flat/1.jsonl", ""), "", "its folder has other streams too"},
		{at("flat/1.jsonl", ""), filepath.Join(base, "flat"), "flat/jobs"},
		{at("flat/1.jsonl", "7"), filepath.Join(base, "logs"), "logs/7/jobs"},
		{at("flat/1.jsonl", "8"), filepath.Join(base, "logs"), "logs/jobs"},
		{at("flat/1.jsonl", ".."), filepath.Join(base, "runs", "1"), "runs/1/jobs"},
		{jsonl.Locate(jsonl.Stdin), "", "there are no logs beside standard input"},
		{jsonl.Locate(jsonl.Stdin), filepath.Join(base, "logs"), "logs/jobs"},
	} {
		d, err := Open(test.at, test.folder)
		if err != nil {
			require.ErrorContains(t, err, test.want)
			continue
		}
		require.Equal(t, filepath.Join(base, test.want), d.path)
		_, err = read(t, d, Command{"a", 1, 1, 1})
		require.NoError(t, err)
		require.NoError(t, d.Close())
	}
}

// A folder of logs that is a link out of the run's folder is not read.
func TestLinkedLogs(t *testing.T) {
	base := t.TempDir()
	run(t, filepath.Join(base, "other"), "jobs/a/sh-1.log")
	at := run(t, filepath.Join(base, "run"))
	if err := os.Symlink("../other/jobs", filepath.Join(base, "run", "jobs")); err != nil {
		t.Skip("needs symbolic links: ", err)
	}
	_, err := Open(at, "")
	require.ErrorContains(t, err, "path escapes from parent")
}

// A log that is not a file is not read.
func TestNoFile(t *testing.T) {
	folder := t.TempDir()
	at := run(t, folder, "jobs/a/sh-1.log/x", "jobs/b")
	d, err := Open(at, "")
	require.NoError(t, err)
	defer d.Close()
	_, err = read(t, d, Command{"a", 1, 1, 1})
	require.ErrorContains(t, err, "sh-1.log: not a file")
	_, err = read(t, d, Command{"b", 1, 1, 1})
	require.Error(t, err)
	if runtime.GOOS != "windows" {
		testPipe(t, folder, d)
	}
}
