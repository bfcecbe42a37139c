package pipeline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/shell"
)

// Loaded is the pipeline of a workspace, ready to run.
type Loaded struct {
	// Workspace is the folder of the pipeline, and Path its file.
	Workspace, Path string
	File            File
	Pipeline        *shell.Pipeline
}

// InvalidError reports the problems of a pipeline file.
type InvalidError struct {
	Path     string
	Problems []Problem
}

func (e *InvalidError) Error() string {
	if len(e.Problems) == 1 {
		return e.Path + " is not valid: 1 problem"
	}
	return fmt.Sprintf("%s is not valid: %d problems", e.Path, len(e.Problems))
}

// Lines returns a line for each problem, as FILE:LINE:COLUMN: PROBLEM.
func (e *InvalidError) Lines() []string {
	var lines []string
	for _, problem := range e.Problems {
		lines = append(lines, e.Path+":"+problem.Error())
	}
	return lines
}

// Load reads and compiles .quire/ci.yaml in a workspace. If workspace is empty, it is the nearest
// folder that has the file, from the current one upwards. Load returns an [InvalidError] for a
// file that is not valid.
func Load(workspace string) (*Loaded, error) {
	if workspace == "" {
		workspace = nearest()
	}
	path := pathIn(workspace)
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s; write one, or name the folder that has it with --workspace", path)
	}
	if err != nil {
		return nil, err
	}
	file, problems := Parse(data)
	compiled, unfit := compile(file)
	if problems = append(problems, unfit...); len(problems) > 0 {
		sortProblems(problems)
		return nil, &InvalidError{path, problems}
	}
	return &Loaded{workspace, path, file, compiled}, nil
}

// Options returns the options of a run from the file, and the names of secrets that are not set
// in the environment.
func (l *Loaded) Options() (o shell.Options, unset []string) {
	o = shell.Options{Workspace: l.Workspace, Env: append(os.Environ(), assignments(l.File.Env)...), Shell: l.File.Shell.Command()}
	for _, name := range l.File.Secrets {
		if value := os.Getenv(name.Value); value != "" {
			o.Secrets = append(o.Secrets, value)
		} else {
			unset = append(unset, name.Value)
		}
	}
	return o, unset
}

// Lines returns a line about the file, and one for each job in the order in which they run.
func (l *Loaded) Lines() []string {
	about := map[string]string{}
	for _, job := range l.File.Jobs {
		about[job.ID.Value] = display.Plural(len(job.Commands), "command")
		if len(job.Needs) > 0 {
			about[job.ID.Value] += ", after " + strings.Join(Values(job.Needs), ", ")
		}
	}
	lines := []string{fmt.Sprintf("%s is valid: %s", l.Path, display.Plural(len(about), "job"))}
	for _, id := range l.Pipeline.Order() {
		lines = append(lines, fmt.Sprintf("  %s: %s", id, about[id]))
	}
	return lines
}

// NewRunFolder creates a folder for a run in the folder runs. Its name is the run's id. Ids sort by
// time.
func NewRunFolder(runs string) (string, error) {
	id, err := uuid.NewV7()
	if err == nil {
		err = os.MkdirAll(runs, 0o777)
	}
	folder := filepath.Join(runs, id.String())
	if err == nil {
		err = os.Mkdir(folder, 0o777)
	}
	return folder, err
}

func pathIn(workspace string) string { return filepath.Join(workspace, ".quire", "ci.yaml") }

// nearest returns the nearest folder, from the current one upwards, that has a pipeline, or the
// current one if none has.
func nearest() string {
	here, err := os.Getwd()
	if err != nil {
		return "."
	}
	for up, folder := ".", here; ; up, folder = filepath.Join("..", up), filepath.Dir(folder) {
		if _, err := os.Lstat(pathIn(folder)); err == nil {
			return up
		}
		if folder == filepath.Dir(folder) {
			return "."
		}
	}
}

// read reads a file, but not much more than its maximum size.
func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, MaxSize+1))
}
