package domain

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// RunID is the id of a run. Every row of the run has it.
type RunID string

// StdinRunID is the id of a run that is read from standard input.
const StdinRunID RunID = "run"

// RunIDOf derives a run's id from the path of its stream, with slashes between its elements: the
// file's name without the endings .jsonl, .gz and .zst. For a file events.jsonl it returns the name
// of the folder, because quire keeps a run at runs/<repo>/<run-id>/events.jsonl; pass an absolute
// path if a relative one may lack that folder. It unescapes an id that [PathOf] has escaped.
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
	name = trimEnding(name, ".jsonl")
	if run, ok := unescape(path.Dir(file), name); ok {
		return run
	}
	return RunID(name)
}

// trimEnding removes ending from name, unless nothing would remain.
func trimEnding(name, ending string) string {
	if name == ending {
		return name
	}
	return strings.TrimSuffix(name, ending)
}

// The names of files for ids that are not valid names of files: the escaped id, in parts. The last
// part names the file, the others name folders. Reading the path gives the id again.
const (
	escapedPrefix = "run-id="
	escapedMore   = "run-id+"
	escapedPart   = 180
	plainLength   = 200
)

// PathOf returns a path for the stream of a run, with slashes between its parts, from which [RunIDOf]
// derives the run's id. Every file system accepts the path, and no other run has it.
func PathOf(run RunID) string {
	if name := string(run) + ".jsonl"; isPlain(string(run)) {
		return name
	}
	var escaped strings.Builder
	for _, b := range []byte(run) {
		if isPlainByte(b) && b != '.' {
			escaped.WriteByte(b)
		} else {
			fmt.Fprintf(&escaped, "%%%02X", b)
		}
	}
	rest, name := escaped.String(), escapedPrefix
	for len(rest) > escapedPart {
		name, rest = name+rest[:escapedPart]+"/"+escapedMore, rest[escapedPart:]
	}
	return name + rest + ".jsonl"
}

// isPlain reports whether an id can be the name of a file on every file system.
func isPlain(id string) bool {
	for i := range len(id) {
		if !isPlainByte(id[i]) {
			return false
		}
	}
	device, _, _ := strings.Cut(strings.ToLower(id), ".")
	return id != "" && len(id) <= plainLength && id[0] != '.' && id != "events" && !strings.HasPrefix(id, "run-id") && !slices.Contains(devices, device)
}

// devices are names that Windows does not give to files, whatever their ending.
var devices = []string{
	"con", "prn", "aux", "nul", "com0", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
	"lpt0", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
}

func isPlainByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_' || b == '.'
}

// unescape returns the id of a path that PathOf has escaped; name is the path's last part, without
// its endings.
func unescape(dir, name string) (RunID, bool) {
	escaped := ""
	for {
		more, ok := strings.CutPrefix(name, escapedMore)
		if !ok {
			break
		}
		escaped, name, dir = more+escaped, path.Base(dir), path.Dir(dir)
	}
	first, ok := strings.CutPrefix(name, escapedPrefix)
	if !ok {
		return "", false
	}
	run, err := url.PathUnescape(first + escaped)
	return RunID(run), err == nil && run != ""
}
