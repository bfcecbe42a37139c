package domain

import (
	"path"
	"strings"
)

// RunID is the id of a run. Every row of the run has it.
type RunID string

// StdinRunID is the id of a run that is read from standard input.
const StdinRunID RunID = "run"

// RunIDOf derives a run's id from the path of its stream, with slashes between its parts: the
// file's name without the endings .jsonl, .gz and .zst. For a file events.jsonl it returns
// the name of the folder, because quire keeps a run at runs/<repo>/<run-id>/events.jsonl; pass
// an absolute path if a relative one may not have that folder.
func RunIDOf(file string) RunID {
	file = path.Clean(file)
	name := path.Base(file)
	for _, compression := range []string{".gz", ".zst"} {
		name = trimEnding(name, compression)
	}
	if name == "events.jsonl" {
		if dir := path.Base(path.Dir(file)); dir != "." && dir != "/" && dir != ".." {
			return RunID(dir)
		}
	}
	return RunID(trimEnding(name, ".jsonl"))
}

// trimEnding removes ending from name, unless nothing would remain.
func trimEnding(name, ending string) string {
	if name == ending {
		return name
	}
	return strings.TrimSuffix(name, ending)
}
