//go:build !windows

package report

import (
	"path/filepath"

	"github.com/google/renameio/v2"
)

// pendingFile is a file that has no name of its own yet.
type pendingFile = renameio.PendingFile

func newPendingFile(path string) (*pendingFile, error) {
	return renameio.NewPendingFile(path,
		renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o666), renameio.WithExistingPermissions())
}
