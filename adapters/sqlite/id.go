package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
)

// ID returns what the store is called: by the id that was made with its tables, and by the
// file that it is in, as far as that is known. So a copy of a file is another store.
func (s *Store) ID(ctx context.Context) (string, error) {
	var id string
	if err := s.reads.QueryRowContext(ctx, `SELECT id FROM quire_project_store`).Scan(&id); err != nil {
		return "", s.fail("read the store's id", err)
	}
	if s.name == "" {
		return id, nil
	}
	info, err := os.Stat(s.name)
	if err != nil {
		return "", s.fail("read the store's id", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s", id, fileID(s.name, info)))
	return hex.EncodeToString(sum[:16]), nil
}
