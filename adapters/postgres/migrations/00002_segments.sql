-- What a checkpoint needs so that whoever gets more of a stream goes on where it
-- is, without what was before; and what has come of streams and is in no rows
-- yet, because something before it is missing or a line of it is malformed.

-- +goose Up

ALTER TABLE checkpoints ADD COLUMN state text NOT NULL DEFAULT '';

CREATE TABLE held_segments (
  run_id      text COLLATE "C" NOT NULL,
  "offset"    bigint NOT NULL,
  bytes       bigint NOT NULL,
  tail        boolean NOT NULL,
  sha256      text NOT NULL,
  held_at_ms  bigint NOT NULL,
  data        bytea NOT NULL,
  PRIMARY KEY (run_id, "offset", bytes, tail)
);

CREATE TABLE quarantined_runs (
  run_id             text COLLATE "C" NOT NULL,
  code               text NOT NULL,
  reason             text NOT NULL,
  "offset"           bigint NOT NULL,
  quarantined_at_ms  bigint NOT NULL,
  PRIMARY KEY (run_id)
);
