-- Which projections there are tables of, with the newest version that a program has
-- written rows of, and which of them a run's rows are of.

-- +goose Up

CREATE TABLE quire_project_projections (
  name     TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  columns  TEXT    NOT NULL,
  PRIMARY KEY (name)
) STRICT;

DROP INDEX quire_project_checkpoints_reducers;

ALTER TABLE checkpoints DROP COLUMN reducers;

-- Rows of earlier releases are of no version that is known now.
ALTER TABLE checkpoints ADD COLUMN projections TEXT NOT NULL DEFAULT '';

CREATE INDEX quire_project_checkpoints_projections ON checkpoints (projections, run_id);
