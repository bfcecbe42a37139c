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
	jobs string // the folder that has a folder for each job
	made string // the job whose folder was made last; "" for none
}

func newLogs(folder string) (*logs, error) {
	if folder == "" {
		return nil, errors.New("no folder is named; set Logs")
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	l := &logs{jobs: filepath.Join(folder, "jobs")}
	err = os.Mkdir(l.jobs, 0o777)
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%s: %w", l.jobs, ErrLogsExist)
	}
	return l, err
}

// end removes the folder if it has no logs, so that another run can use it.
func (l *logs) end() {
	if l.made == "" {
		_ = os.Remove(l.jobs) // fails if others have put files there
	}
}

func (l *logs) path(job string, seq int) string {
	return filepath.Join(l.jobs, job, "sh-"+strconv.Itoa(seq)+".log")
}

// create makes the log of a command, and the job's folder with its first log. Neither may
// exist: on a file system that ignores case, two jobs could share them.
func (l *logs) create(job, path string) (*os.File, error) {
	if l.made != job {
		if err := os.Mkdir(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		l.made = job
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
}
