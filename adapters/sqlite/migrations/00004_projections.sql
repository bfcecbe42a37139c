-- The projections that have tables, with the newest version of which a program has
-- written rows; and for each run the projections and versions of its rows.

-- +goose Up

CREATE TABLE quire_project_projections (
  name     TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  columns  TEXT    NOT NULL,
  PRIMARY KEY (name)
) STRICT;

DROP INDEX quire_project_checkpoints_reducers;

ALTER TABLE checkpoints DROP COLUMN reducers;

-- The versions of earlier releases' rows are unknown.
ALTER TABLE checkpoints ADD COLUMN projections TEXT NOT NULL DEFAULT '';

CREATE INDEX quire_project_checkpoints_projections ON checkpoints (projections, run_id);
