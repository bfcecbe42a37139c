package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// runFolder is the folder of a run among others. Its name is the run's id.
type runFolder struct{ id, path string }

// newRunFolder makes one. Ids that were made later sort later.
func newRunFolder(runs string) (*runFolder, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("--runs: an id: %w", err)
	}
	f := &runFolder{id.String(), filepath.Join(runs, id.String())}
	if err := os.MkdirAll(runs, 0o777); err != nil {
		return nil, fmt.Errorf("--runs: %w", err)
	}
	if err := os.Mkdir(f.path, 0o777); err != nil {
		return nil, fmt.Errorf("--runs: %w", err)
	}
	return f, nil
}

func (f *runFolder) events() string { return filepath.Join(f.path, "events.jsonl") }

// end takes the folder away if nothing is recorded in it.
func (f *runFolder) end() { _ = os.Remove(f.path) }
