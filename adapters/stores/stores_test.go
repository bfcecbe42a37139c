package stores_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		assert.False(t, stores.IsAddress(text), "%q is an address", text)
	}
	var wrong *stores.AddressError
	for _, text := range []string{"", "json", "sqlite:", "sqlite://quire.db", "postgres:quire", "POSTGRES://x/y", "quire.db", `C:\quire.db`, "s3://bucket"} {
		assert.ErrorAs(t, stores.Check(text), &wrong, "%q", text)
	}
	_, err := stores.Open(t.Context(), "postgres://x:port/y", stores.Options{})
	assert.ErrorAs(t, err, &wrong)
}

// A store that does not exist is created, or is an error, or is an empty one that leaves no file.
func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "quire.db")
	_, err := stores.Open(t.Context(), "sqlite:"+file, stores.Options{MustExist: true})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	for _, o := range []stores.Options{{OrEmpty: true}, {}, {Follow: true, Durable: true}, {OrEmpty: true}} {
		s, err := stores.Open(t.Context(), "sqlite:"+file, o)
		require.NoError(t, err)
		if ids, err := s.RunIDs(t.Context(), "", 1); err != nil || len(ids) > 0 {
			t.Error(ids, err)
		}
		assert.NoError(t, s.Close())
		if !o.OrEmpty && !stores.IsDatabase(file) {
			t.Errorf("%+v: there is no database", o)
		}
	}
}
