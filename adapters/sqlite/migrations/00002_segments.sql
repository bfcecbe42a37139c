-- The state of a checkpoint, so that a run can continue without the earlier part of its
-- stream; and segments of streams that are not in rows yet, because an earlier one is
-- missing or a line of them is malformed.

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
