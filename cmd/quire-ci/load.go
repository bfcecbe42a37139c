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
	path     string
	file     pipeline.File
	pipeline *shell.Pipeline
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

// load reads the pipeline of a workspace.
func load(workspace string) (*loaded, error) {
	if workspace == "" {
		return nil, usageError(errors.New("--workspace has to name a folder"))
	}
	path := filepath.Join(workspace, ".quire", "ci.yaml")
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
	return &loaded{path, file, compiled}, nil
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
