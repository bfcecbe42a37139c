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

ALTER TABLE checkpoints ADD COLUMN projections TEXT NOT NULL DEFAULT '';

-- The rows of the first release are of version 1.
UPDATE checkpoints SET projections = 'runs@1 jobs@1 sh_events@1 timings.jobs@1 diagnostics@1';

CREATE INDEX quire_project_checkpoints_projections ON checkpoints (projections, run_id);
