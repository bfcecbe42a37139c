-- What a checkpoint needs so that whoever gets more of a stream goes on where it
-- is, without what was before; and what has come of streams and is in no rows
-- yet, because something before it is missing or a line of it is malformed.

-- +goose Up

ALTER TABLE checkpoints ADD COLUMN state TEXT NOT NULL DEFAULT '';

CREATE TABLE held_segments (
  run_id      TEXT NOT NULL,
  "offset"    INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  tail        INTEGER NOT NULL,
  sha256      TEXT NOT NULL,
  held_at_ms  INTEGER NOT NULL,
  data        BLOB NOT NULL,
  PRIMARY KEY (run_id, "offset", bytes, tail)
) STRICT;

CREATE TABLE quarantined_runs (
  run_id             TEXT NOT NULL,
  code               TEXT NOT NULL,
  reason             TEXT NOT NULL,
  "offset"           INTEGER NOT NULL,
  quarantined_at_ms  INTEGER NOT NULL,
  PRIMARY KEY (run_id)
) STRICT;
