-- What stores keep besides rows. schema.go makes the tables of rows from the declarations
-- of their projections.
--
-- Tables are in the order of their keys (WITHOUT ROWID): the rows of a run are adjacent,
-- and found without a second search.

-- +goose Up

-- The part of a stream that the rows of a run were derived from. The digests are in
-- hexadecimal, so that people can compare them with the output of sha256sum.
CREATE TABLE checkpoints (
  run_id          TEXT    NOT NULL,
  bytes           INTEGER NOT NULL,
  lines           INTEGER NOT NULL,
  events          INTEGER NOT NULL,
  sha256          TEXT    NOT NULL,
  end_bytes       INTEGER NOT NULL,
  end_lines       INTEGER NOT NULL,
  end_sha256      TEXT    NOT NULL,
  reducers        INTEGER NOT NULL,
  reading         TEXT    NOT NULL,
  source          TEXT    NOT NULL,
  updated_at      TEXT    NOT NULL,
  PRIMARY KEY (run_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX quire_project_checkpoints_reducers ON checkpoints (reducers);
