-- What stores keep besides rows. The tables of rows are made of the declarations of
-- their projections, see schema.go.
--
-- Tables are kept in the order of their keys (WITHOUT ROWID): what is of a run lies
-- together, and is found without a second search.

-- +goose Up

-- What the rows of a run were derived from. The digests are in hexadecimal, for
-- people to compare with what sha256sum says.
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
