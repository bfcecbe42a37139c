package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// errMissing is why tests are skipped. They look for its first words.
var errMissing = errors.New("needs PostgreSQL: its programs initdb and postgres are neither in $PATH nor in /usr/lib/postgresql; install the package postgresql")

// distributions is where Debian and its kin keep the programs of each version,
// which are not in $PATH.
const distributions = "/usr/lib/postgresql/*/bin"

// findPrograms returns the folder that initdb and postgres are in.
func findPrograms() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if bin := filepath.Dir(initdb); hasPrograms(bin) {
			return bin, nil
		}
	}
	found, err := filepath.Glob(distributions)
	if err != nil {
		return "", err
	}
	if bin := newest(found); bin != "" {
		return bin, nil
	}
	return "", errMissing
}

// newest returns the one of folders that has the programs of the highest
// version; "" if none has any.
func newest(folders []string) string {
	var newest string
	var highest float64
	for _, bin := range folders {
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64)
		if err == nil && version > highest && hasPrograms(bin) {
			newest, highest = bin, version
		}
	}
	return newest
}

func hasPrograms(bin string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return false
		}
	}
	return true
}

// run runs one of the programs to its end.
func (s *Server) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = s.folder, s.attributes
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
