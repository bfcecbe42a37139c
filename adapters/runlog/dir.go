package runlog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/quire-ci/quire-project/adapters/internal/layout"
	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Command says which command's log is meant.
type Command struct {
	JobID string
	Seq   int
	// Nth is how many commands of the job had been closed when this one was, itself included. For
	// the newest command, if it is open, it is its Seq; for any other open command, which never ran,
	// it is 0.
	Nth int
	// Started is how many commands of the job have started.
	Started int
}

// CommandOf returns what [Dir] needs to find the log of a command, and whether the command exists.
// Commands of a job that end at the same time are counted in the order of their numbers.
func CommandOf(all []projections.ShEvent, jobID string, seq int) (of Command, ok bool) {
	var job []projections.ShEvent
	for _, sh := range all {
		if sh.JobID == jobID {
			job = append(job, sh)
		}
	}
	commands := commandsOf(job)
	at := slices.IndexFunc(commands, func(c Command) bool { return c.Seq == seq })
	if at < 0 {
		return Command{JobID: jobID, Seq: seq}, false
	}
	return commands[at], true
}

// commandsOf returns the commands of one job.
func commandsOf(job []projections.ShEvent) []Command {
	commands, ends := make([]Command, len(job)), make([]int, 0, len(job))
	started := 0
	for i, sh := range job {
		commands[i] = Command{JobID: sh.JobID, Seq: sh.Seq}
		if started = max(started, sh.Seq); sh.FinishedAtMs.Valid {
			ends = append(ends, i)
		}
	}
	slices.SortStableFunc(ends, func(a, b int) int { return cmp.Compare(job[a].FinishedAtMs.V, job[b].FinishedAtMs.V) })
	for n, i := range ends {
		commands[i].Nth = n + 1
	}
	if newest := len(job) - 1; newest >= 0 && !job[newest].FinishedAtMs.Valid {
		commands[newest].Nth = len(ends) + 1
	}
	for i := range commands {
		commands[i].Started = started
	}
	return commands
}

// Dir is the folder of a run's logs.
type Dir struct {
	jobs *os.Root
	path string // of jobs
}

var (
	// ErrNoLogs is returned if a run has no folder of logs, or none that certainly belongs to it.
	ErrNoLogs = errors.New("there are no logs")
	// ErrNoLog is returned if a command has no log.
	ErrNoLog = errors.New("there is no log")
)

// Open opens the logs of a run: in folder or, if that is "", beside its stream. If folder has the
// logs of several runs, the run's logs are in the folder in it that is named after the run's id.
func Open(at jsonl.Location, folder string) (*Dir, error) {
	if folder != "" {
		dir, err := open(folder, string(at.Run))
		if errors.Is(err, fs.ErrNotExist) {
			dir, err = open(folder, ".")
		}
		return dir, whyNot(err, folder)
	}
	if at.In != nil {
		if at.Origin == "" {
			return nil, fmt.Errorf("%w beside %s", ErrNoLogs, printable.Name(at.Path))
		}
		at = jsonl.Location{Path: at.Origin, Run: at.Run}
	}
	if at.Path == jsonl.Stdin {
		return nil, fmt.Errorf("%w beside standard input", ErrNoLogs)
	}
	beside := filepath.Dir(at.Path)
	dir, err := open(beside, ".")
	if err == nil && shared(at.Path) {
		_ = dir.Close()
		return nil, fmt.Errorf("%w that certainly belong to %s: its folder has other streams too", ErrNoLogs, printable.Name(at.Path))
	}
	return dir, whyNot(err, beside)
}

// OpenOf opens the logs of a run in a folder that has the logs of several runs.
func OpenOf(run domain.RunID, folder string) (*Dir, error) {
	dir, err := open(folder, string(run))
	return dir, whyNot(err, folder)
}

// OpenBeside opens the logs beside a run's stream if the stream is in folder. Otherwise it refuses,
// because the path that a store records is not trusted.
func OpenBeside(at jsonl.Location, folder string) (*Dir, error) {
	root, rootErr := filepath.Abs(folder)
	path, pathErr := filepath.Abs(at.Path)
	inside, err := filepath.Rel(root, path)
	if err := cmp.Or(rootErr, pathErr, err); err != nil {
		return nil, err
	}
	if folder == "" || at.Path == "" || !filepath.IsLocal(inside) {
		return nil, ErrNoLogs
	}
	return Open(jsonl.Location{Path: path, Run: at.Run}, "")
}

// OpenIn opens the logs of a run in a folder of many runs: beside its stream if that is in folder, or in a folder that has the
// run's id as its name.
func OpenIn(at jsonl.Location, folder string) (*Dir, error) {
	if dir, err := OpenBeside(at, folder); err == nil {
		return dir, nil
	}
	return OpenOf(at.Run, folder)
}

// LastLine returns at most size bytes of the last line of a log that is not blank, without colours
// and control characters.
func LastLine(log *os.File, size int64) (string, error) {
	text, _, err := Tail(log, 20, size)
	if err != nil {
		return "", err
	}
	var plain bytes.Buffer
	safe := NewSafe(&plain, false)
	_, _ = safe.Write(text) // a buffer has no errors
	_ = safe.End()
	lines := bytes.Split(plain.Bytes(), lineFeed)
	for _, line := range slices.Backward(lines) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return string(line), nil
		}
	}
	return "", nil
}

func whyNot(err error, folder string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w in %s", ErrNoLogs, printable.Name(folder))
	}
	return fmt.Errorf("the logs in %s: %w", printable.Name(folder), printable.Error(err))
}

// shared reports whether the folder of a stream has other streams too, which is never so if it is the
// folder's only one by name.
func shared(stream string) bool {
	entries, err := layout.Read(filepath.Dir(stream), layout.IsStream)
	streams := 0
	for _, entry := range entries {
		if entry.Kind == layout.Stream {
			streams++
		}
	}
	return err != nil || streams > 1
}

// open opens the folder jobs of a run's folder.
func open(folder, run string) (*Dir, error) {
	run, err := filepath.Localize(run)
	if err != nil {
		return nil, fs.ErrNotExist // no folder can have the name
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := filepath.Join(run, "jobs")
	jobs, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &Dir{jobs, filepath.Join(folder, name)}, nil
}

// Close closes the folder. Files that were opened stay open.
func (d *Dir) Close() error { return d.jobs.Close() }

// name returns the name of a command's log in the folder.
func (d *Dir) name(c Command) (string, error) {
	job, err := filepath.Localize(c.JobID)
	if err != nil {
		return "", fmt.Errorf("%w of job %s: no folder can have its name", ErrNoLog, strconv.Quote(c.JobID))
	}
	name := c.file(func(name string) bool {
		_, err := d.jobs.Stat(filepath.Join(job, name))
		return err == nil
	})
	if name == "" {
		return "", fmt.Errorf("%w of %s/%d, which never ran", ErrNoLog, printable.Name(c.JobID), c.Seq)
	}
	return filepath.Join(job, name), nil
}

// file returns the name of a command's log in the folder of its job, or "" if the command never ran. has reports
// whether the folder has a file.
func (c Command) file(has func(name string) bool) string {
	log := func(n int) string { return "sh-" + strconv.Itoa(n) + ".log" }
	switch {
	case c.Nth == c.Seq, has(log(c.Started)): // the number of the last log tells how they are counted
		return log(c.Seq)
	case c.Nth == 0:
		return ""
	}
	return log(c.Nth)
}

// Logged reports for each command of a run whether the file of its log exists. It reads the folder
// of each job once, however many commands there are.
func (d *Dir) Logged(all []projections.ShEvent) []bool {
	logged, jobs := make([]bool, len(all)), map[string][]int{}
	for i, sh := range all {
		jobs[sh.JobID] = append(jobs[sh.JobID], i)
	}
	for id, at := range jobs {
		files := d.files(id)
		job := make([]projections.ShEvent, len(at))
		for n, i := range at {
			job[n] = all[i]
		}
		for n, c := range commandsOf(job) {
			logged[at[n]] = files[c.file(func(name string) bool { return files[name] })]
		}
	}
	return logged
}

// files returns the names of the files in the folder of a job.
func (d *Dir) files(jobID string) map[string]bool {
	job, err := filepath.Localize(jobID)
	if err != nil {
		return nil
	}
	folder, err := d.jobs.OpenFile(job, os.O_RDONLY|syscall.O_NONBLOCK, 0) // do not wait for the writer of a pipe
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1) // those that could be read
	files := make(map[string]bool, len(names))
	for _, name := range names {
		files[name] = true
	}
	return files
}

// Path returns the path of a command's log, if there is one.
func (d *Dir) Path(c Command) (string, error) {
	name, err := d.name(c)
	if err != nil {
		return "", err
	}
	info, err := d.jobs.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotAFile
	}
	return filepath.Join(d.path, name), d.explain(name, err)
}

var errNotAFile = errors.New("not a file")

// explain says which log cannot be read.
func (d *Dir) explain(name string, err error) error {
	path := printable.Name(filepath.Join(d.path, name))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w at %s", ErrNoLog, path)
	}
	var named *fs.PathError
	if errors.As(err, &named) { // with a path below the folder
		err = named.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Open opens the log of a command.
func (d *Dir) Open(c Command) (*os.File, error) {
	name, err := d.name(c)
	if err != nil {
		return nil, err
	}
	file, err := d.jobs.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // do not wait for the writer of a pipe
	if err != nil {
		return nil, d.explain(name, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotAFile
	}
	if err != nil {
		return nil, cmp.Or(d.explain(name, err), file.Close())
	}
	return file, nil
}
