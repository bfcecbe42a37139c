package domain

import (
	"path"
	"strings"
)

// RunID names a run. Every row that is derived from the run's stream is found
// under it.
type RunID string

// StdinRunID is the id of a run whose stream comes from standard input.
const StdinRunID RunID = "run"

// RunIDOf derives a run's id from the path of its stream, whose parts are
// separated by slashes: the file's name without its endings (.jsonl, .gz,
// .zst). A file called events.jsonl takes the name of its folder, because
// quire keeps a run at runs/<repo>/<run-id>/events.jsonl; pass an absolute
// path when that folder may not be part of a relative one.
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

// trimEnding takes ending off name, unless nothing would be left.
func trimEnding(name, ending string) string {
	if name == ending {
		return name
	}
	return strings.TrimSuffix(name, ending)
}
