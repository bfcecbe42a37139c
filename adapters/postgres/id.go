package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// selectID tells a store from its copies: a table that was copied with its database, or
// restored, has another oid; a server that was restored from a backup, or took over
// from one that is gone, has another timeline, which begins the names of its logs.
const selectID = `SELECT id, tableoid::text, (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = current_database()),
(SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) END
FROM quire_project_store`

// ID returns what the store is called: by the id that was made with its tables, and by the
// server and the database that it is in. So a copy of a database is another store.
func (s *Store) ID(ctx context.Context) (string, error) {
	var id, table, database, server, timeline string
	if err := s.pool.QueryRow(ctx, selectID).Scan(&id, &table, &database, &server, &timeline); err != nil {
		return "", fmt.Errorf("read the store's id: %w", explain(err))
	}
	sum := sha256.Sum256([]byte(id + " " + table + " " + database + " " + server + " " + timeline))
	return hex.EncodeToString(sum[:16]), nil
}
