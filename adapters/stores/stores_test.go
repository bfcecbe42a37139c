package stores_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/quire-ci/quire-project/adapters/stores"
)

func TestAddresses(t *testing.T) {
	for address, file := range map[string]string{
		"sqlite:quire.db":                "quire.db",
		"sqlite:./a b%20?.db":            "./a b%20?.db",
		"sqlite:/var/lib/quire.db":       "/var/lib/quire.db",
		"sqlite:///var/lib/quire.db":     "/var/lib/quire.db",
		`sqlite:C:\quire.db`:             `C:\quire.db`,
		"sqlite:postgres://x":            "postgres://x",
		"postgres://ci:pw@db:5432/quire": "",
		"postgresql:///quire":            "",
	} {
		if err := stores.Check(address); err != nil || stores.SQLiteFile(address) != file || !stores.IsAddress(address) {
			t.Errorf("%s is %q: %v", address, stores.SQLiteFile(address), err)
		}
	}
	for _, text := range []string{"", "json", "table", "quire", "out.json"} {
		if stores.IsAddress(text) {
			t.Errorf("%q is an address", text)
		}
	}
	var wrong *stores.AddressError
	for _, text := range []string{"", "json", "sqlite:", "sqlite://quire.db", "postgres:quire", "POSTGRES://x/y", "quire.db", `C:\quire.db`, "s3://bucket"} {
		if err := stores.Check(text); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := stores.Open(t.Context(), "postgres://x:port/y", stores.Options{}); !errors.As(err, &wrong) {
		t.Error(err)
	}
}

// A store that does not exist is created, or is an error, or is an empty one that leaves no file.
func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "quire.db")
	if _, err := stores.Open(t.Context(), "sqlite:"+file, stores.Options{MustExist: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, o := range []stores.Options{{OrEmpty: true}, {}, {Follow: true, Durable: true, Remake: true}, {OrEmpty: true}} {
		s, err := stores.Open(t.Context(), "sqlite:"+file, o)
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := s.RunIDs(t.Context(), "", 1); err != nil || len(ids) > 0 {
			t.Error(ids, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !o.OrEmpty && !stores.IsDatabase(file) {
			t.Errorf("%+v: there is no database", o)
		}
	}
}
