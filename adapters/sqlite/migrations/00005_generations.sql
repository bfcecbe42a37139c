-- The generations of rows. The live one has the tables with the plain names; another one has
-- the same tables with the prefix quire_project_g<number>_, while a new version of a projection
-- is built beside the live rows, or while the previous rows are kept. Meanwhile triggers note
-- the runs that change in the live one.

-- +goose Up

CREATE TABLE quire_project_generations (
  generation INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  PRIMARY KEY (generation)
) STRICT;

INSERT INTO quire_project_generations VALUES (1, 'live');

-- An id is never used again: whoever has brought over a change removes that one only.
CREATE TABLE quire_project_changes (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL,
  UNIQUE (run_id)
) STRICT;

-- The rows of the first release, whose runs have no versions, count as version 1.
UPDATE quire_project_projections SET version = 1
WHERE version = 0 AND name IN ('runs', 'jobs', 'sh_events', 'timings.jobs', 'diagnostics')
AND EXISTS (SELECT 1 FROM checkpoints WHERE projections = '');
