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

// CommandOf returns what [Dir] has to know of a command to find its log, and whether there is such a command. Commands of a job
// that end at the same time count in the order of their numbers.
func CommandOf(all []projections.ShEvent, jobID string, seq int) (of Command, ok bool) {
	of = Command{JobID: jobID, Seq: seq}
	var ends []projections.ShEvent
	open := 0 // the newest command, if it is open
	for _, sh := range all {
		if sh.JobID != jobID {
			continue
		}
		of.Started, ok = max(of.Started, sh.Seq), ok || sh.Seq == seq
		if open = 0; sh.FinishedAtMs.Valid {
			ends = append(ends, sh)
		} else {
			open = sh.Seq
		}
	}
	slices.SortStableFunc(ends, func(a, b projections.ShEvent) int { return cmp.Compare(a.FinishedAtMs.V, b.FinishedAtMs.V) })
	if of.Nth = slices.IndexFunc(ends, func(sh projections.ShEvent) bool { return sh.Seq == seq }) + 1; of.Nth == 0 && open == seq {
		of.Nth = len(ends) + 1
	}
	return of, ok
}

// Dir is the folder of a run's logs.
type Dir struct {
	jobs *os.Root
	path string // of jobs
}

var (
	// ErrNoLogs is returned if a run has no folder of logs, or none that is certainly its own.
	ErrNoLogs = errors.New("there are no logs")
	// ErrNoLog is returned if a command has no log.
	ErrNoLog = errors.New("there is no log")
)

// Open opens the logs of a run: in folder or, if that is "", beside its stream. If folder has logs for
// several runs, those of the run are in a folder of it that has the run's id as its name.
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

// OpenOf opens the logs of a run in a folder that has those of several runs.
func OpenOf(run domain.RunID, folder string) (*Dir, error) {
	dir, err := open(folder, string(run))
	return dir, whyNot(err, folder)
}

// OpenBeside opens the logs beside a run's stream if that is in folder; a store names any path as that of a stream.
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

// LastLine returns the last line of a log that is not blank, without colours and control characters; at most so many bytes of it.
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
	log := func(n int) string { return filepath.Join(job, "sh-"+strconv.Itoa(n)+".log") }
	n := c.Seq
	if c.Nth != c.Seq { // the number of the last log tells how they are counted
		if _, err := d.jobs.Stat(log(c.Started)); err != nil {
			n = c.Nth
		}
	}
	if n == 0 {
		return "", fmt.Errorf("%w of %s/%d, which never ran", ErrNoLog, printable.Name(c.JobID), c.Seq)
	}
	return log(n), nil
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
