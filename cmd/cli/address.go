package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/report"
)

// address is where a store is, as --to names it.
type address struct {
	scheme string
	// location is the file of an SQLite database, and the whole URL of a
	// PostgreSQL one, which may hold a password and is never shown.
	location string
}

// The schemes of addresses.
const (
	schemeSQLite   = "sqlite"
	schemePostgres = "postgres"
)

// knownStores is what people are told that there is.
const knownStores = "sqlite:FILE or postgres://USER@HOST/DATABASE"

// scheme is what an address begins with. One letter is a drive.
var scheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):`)

// isAddress reports whether what --to says is meant to be a store.
func isAddress(to string) bool { return scheme.MatchString(to) || databaseFile(to) }

// databaseFile reports whether to is a database's file, with which a scheme
// has been forgotten.
func databaseFile(to string) bool {
	if slices.Contains(formatNames(), to) || strings.ContainsAny(to, "@=") { // as addresses with a password have
		return false
	}
	for _, ending := range []string{".db", ".sqlite", ".sqlite3"} {
		if strings.HasSuffix(to, ending) {
			return true
		}
	}
	info, err := os.Stat(to)
	return err == nil && info.Mode().IsRegular()
}

// parseAddress reads the address of a store. An error shows nothing of an
// address that could be a password.
func parseAddress(to string) (address, error) {
	switch {
	case strings.HasPrefix(to, "sqlite:"):
		file, err := sqliteFile(strings.TrimPrefix(to, "sqlite:"))
		return address{schemeSQLite, file}, err
	case strings.HasPrefix(to, "postgres://"), strings.HasPrefix(to, "postgresql://"):
		return address{schemePostgres, to}, nil
	}
	if found := scheme.FindStringSubmatch(to); found != nil {
		return address{}, usageError(fmt.Errorf("--to %s is not a store's address; one is %s", found[0], knownStores))
	}
	if databaseFile(to) {
		file := report.Printable(to)
		return address{}, usageError(fmt.Errorf("--to %s: a database is named with what it is, as --to sqlite:%s; a report is written to a file with -o", file, file))
	}
	return address{}, usageError(fmt.Errorf("--to takes a store's address here: %s", knownStores))
}

// sqliteFile returns the file that an address names behind its scheme: a path
// as it is, without escapes, or as URLs have absolute ones, ///path.
func sqliteFile(path string) (string, error) {
	switch rest, url := strings.CutPrefix(path, "//"); {
	case path == "":
		return "", usageError(errors.New("--to sqlite: names no file; write it as sqlite:quire.db"))
	case url && !strings.HasPrefix(rest, "/"):
		return "", usageError(fmt.Errorf("--to sqlite://%s: a URL would have a host there; write sqlite:%s, or sqlite:///PATH for an absolute path",
			report.Printable(rest), report.Printable(rest)))
	case url:
		return rest, nil
	}
	return path, nil
}

// isStream reports whether the store would be the file of one of the streams.
func (a address) isStream(sources sources) bool {
	return a.scheme == schemeSQLite && !isDatabase(a.location) && sources.include(a.location)
}

// isDatabase reports whether a file is an SQLite database, and so no stream.
func isDatabase(path string) bool {
	const magic = "SQLite format 3\x00"
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	begin := make([]byte, len(magic))
	_, err = io.ReadFull(file, begin)
	return err == nil && string(begin) == magic
}
