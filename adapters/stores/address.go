package stores

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// Syntax describes the syntax of addresses.
const Syntax = "sqlite:FILE or postgres://USER@HOST/DATABASE"

// Schemes are the prefixes of addresses.
var Schemes = []string{"sqlite:", "postgres://"}

// AddressError reports a text that is not the address of a store. It shows nothing that could be a
// password.
type AddressError struct {
	err error
	// IsFile is set if the text is the path of a file, without a scheme.
	IsFile bool
}

func (e *AddressError) Error() string { return e.err.Error() }
func (e *AddressError) Unwrap() error { return e.err }

func wrong(format string, values ...any) error {
	return &AddressError{err: fmt.Errorf(format, values...)}
}

// scheme matches the scheme of an address. A single letter is a Windows drive.
var scheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):`)

// IsAddress reports whether a text is meant as the address of a store: it has a scheme, or is a
// database file for which the user forgot the scheme.
func IsAddress(text string) bool { return scheme.MatchString(text) || isFile(text) }

func isFile(text string) bool {
	if strings.ContainsAny(text, "@=") { // it may be an address with a password
		return false
	}
	switch filepath.Ext(text) {
	case ".db", ".sqlite", ".sqlite3":
		return true
	}
	info, err := os.Stat(text)
	return err == nil && info.Mode().IsRegular()
}

// IsStore reports whether [Open] can open a store at the address.
func IsStore(address string) bool { return Check(address) == nil }

// Name returns an address that can be shown: of a server, without its user, password and options.
func Name(address string) string {
	if file := SQLiteFile(address); file != "" {
		return "sqlite:" + printable.Name(file)
	}
	name := "postgres://"
	if at, err := url.Parse(address); err == nil {
		name += at.Host + at.Path
	}
	return printable.Name(name)
}

// Check returns an [AddressError] unless [Open] can open a store at the address.
func Check(address string) error {
	_, _, err := parse(address)
	return err
}

// SQLiteFile returns the file of an SQLite database at an address, or "".
func SQLiteFile(address string) string {
	file, _, err := parse(address)
	if err != nil {
		return ""
	}
	return file
}

// parse returns the file of an SQLite address.
func parse(address string) (file string, sqlite bool, err error) {
	path, sqlite := strings.CutPrefix(address, "sqlite:")
	found := scheme.FindString(address)
	switch {
	case sqlite:
		file, err = sqliteFile(path)
		return file, true, err
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		return "", false, nil
	case found != "":
		return "", false, wrong("%s is not a store's address; one is %s", found, Syntax)
	case isFile(address):
		shown := printable.Name(address)
		return "", false, &AddressError{fmt.Errorf("%s: name a database with its kind, as sqlite:%s", shown, shown), true}
	}
	return "", false, wrong("give a store's address: %s", Syntax)
}

// sqliteFile returns the file after the scheme of an address: a path without escapes, or an absolute
// path in URL form, ///path.
func sqliteFile(path string) (string, error) {
	rest, url := strings.CutPrefix(path, "//")
	switch {
	case path == "":
		return "", wrong("sqlite: names no file; write it as sqlite:quire.db")
	case url && !strings.HasPrefix(rest, "/"):
		shown := printable.Name(rest)
		return "", wrong("sqlite://%s: a URL would have a host there; write sqlite:%s, or sqlite:///PATH for an absolute path", shown, shown)
	case url:
		return rest, nil
	}
	return path, nil
}

// IsDatabase reports whether a file is an SQLite database, and therefore not a stream.
func IsDatabase(path string) bool {
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
