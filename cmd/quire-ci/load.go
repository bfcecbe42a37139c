package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/quire-ci/quire-project/adapters/pipeline"
	"github.com/quire-ci/quire-project/adapters/shell"
)

// loaded is a workspace's pipeline, ready to run.
type loaded struct {
	workspace string
	path      string
	file      pipeline.File
	pipeline  *shell.Pipeline
}

// invalidError says what is wrong with a pipeline's file.
type invalidError struct {
	path     string
	problems []pipeline.Problem
}

func (e *invalidError) Error() string {
	return fmt.Sprintf("%s is not valid: %s", e.path, plural(len(e.problems), "problem"))
}

// lines returns a line for each problem, in the form that editors know.
func (e *invalidError) lines() []string {
	var lines []string
	for _, problem := range e.problems {
		lines = append(lines, e.path+":"+problem.Error())
	}
	return lines
}

// load reads the pipeline of a workspace, which is looked for if it is not named.
func load(workspace string) (*loaded, error) {
	if workspace == "" {
		workspace = nearest()
	}
	path := pipelineOf(workspace)
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s; write one, or name the folder that has it with --workspace", path)
	}
	if err != nil {
		return nil, err
	}
	file, problems := pipeline.Parse(data)
	compiled, unfit := compile(file)
	if problems = append(problems, unfit...); len(problems) > 0 {
		pipeline.Sort(problems)
		return nil, &invalidError{path, problems}
	}
	return &loaded{workspace, path, file, compiled}, nil
}

func pipelineOf(workspace string) string { return filepath.Join(workspace, ".quire", "ci.yaml") }

// nearest returns the nearest folder, from the current one upwards, that has a pipeline; the
// current one, if none has.
func nearest() string {
	here, err := os.Getwd()
	if err != nil {
		return "."
	}
	for up, folder := ".", here; ; up, folder = filepath.Join("..", up), filepath.Dir(folder) {
		if _, err := os.Lstat(pipelineOf(folder)); err == nil {
			return up
		}
		if folder == filepath.Dir(folder) {
			return "."
		}
	}
}

// read reads a file, but of one that is too large no more than shows it.
func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, pipeline.MaxSize+1))
}
