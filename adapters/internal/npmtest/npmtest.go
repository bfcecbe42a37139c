// Package npmtest gives tests scripts of npm packages, which this module does not carry.
package npmtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Package is one version of an npm package.
type Package struct {
	Name, Version string
	// SHA512 is the digest of its archive in Base64, as npm calls its integrity.
	SHA512 string
}

// File returns a file of the package. Without npm, or without a registry, the test is skipped.
func (p Package) File(t testing.TB, name string) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("needs npm")
	}
	dir := t.TempDir()
	pack := exec.Command(npm, "pack", "--silent", "--prefer-offline", "--ignore-scripts", p.Name+"@"+p.Version)
	pack.Dir = dir
	if said, err := pack.CombinedOutput(); err != nil {
		t.Skipf("needs %s of npm: %v: %s", p.Name, err, said)
	}
	data, err := os.ReadFile(filepath.Join(dir, p.Name+"-"+p.Version+".tgz"))
	require.NoError(t, err)
	digest := sha512.Sum512(data)
	require.Equal(t, p.SHA512, base64.StdEncoding.EncodeToString(digest[:]))
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	for files := tar.NewReader(unzipped); ; {
		file, err := files.Next()
		require.NoError(t, err, "the package has no file %s", name)
		if file.Name == "package/"+name {
			content, err := io.ReadAll(files)
			require.NoError(t, err)
			return string(content)
		}
	}
}
