-- The state of a checkpoint, so that a run can continue without the earlier part of its
-- stream; and segments of streams that are not in rows yet, because an earlier one is
-- missing or a line of them is malformed.

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
