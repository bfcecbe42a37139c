-- The streams of runs, if the store keeps them: how far each is kept, and its bytes in pieces,
-- compressed with zstd.

-- +goose Up

ALTER TABLE quire_project_store ADD COLUMN keeps_streams INTEGER NOT NULL DEFAULT 0;

CREATE TABLE quire_project_streams (
  run_id      TEXT NOT NULL,
  bytes       INTEGER NOT NULL,
  sha256      TEXT NOT NULL,
  kept_at_ms  INTEGER NOT NULL,
  PRIMARY KEY (run_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE quire_project_pieces (
  run_id    TEXT NOT NULL,
  "offset"  INTEGER NOT NULL,
  bytes     INTEGER NOT NULL,
  data      BLOB NOT NULL,
  PRIMARY KEY (run_id, "offset")
) STRICT;
