package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// logs is the folder of a run's logs.
type logs struct {
	jobs string // the folder with one for each job
	made string // the job whose folder has been made last; no job's id is empty
}

func newLogs(folder string) (*logs, error) {
	if folder == "" {
		return nil, errors.New("no folder is named for them; set Logs")
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	l := &logs{jobs: filepath.Join(folder, "jobs")}
	if err := os.Mkdir(l.jobs, 0o777); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w", l.jobs, ErrLogsExist)
	} else if err != nil {
		return nil, err
	}
	return l, nil
}

// end takes the folder away if there are no logs in it, so that another run can have
// it.
func (l *logs) end() {
	if l.made == "" {
		_ = os.Remove(l.jobs) // whoever has put something there keeps it
	}
}

func (l *logs) path(job string, seq int) string {
	return filepath.Join(l.jobs, job, "sh-"+strconv.Itoa(seq)+".log")
}

// create makes the log of a command, which must not be there. A job's folder is made
// with its first log. It must not be there either: where file names
// have no case, two jobs could share it.
func (l *logs) create(job, path string) (*os.File, error) {
	if l.made != job {
		if err := os.Mkdir(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		l.made = job
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
}
