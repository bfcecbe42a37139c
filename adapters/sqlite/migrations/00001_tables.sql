-- The tables that docs/stores.md describes. Every row belongs to a
-- run and can be derived again from its stream.
--
-- Tables are kept in the order of their keys (WITHOUT ROWID): the rows of a run
-- lie together, and a row is found without a second search.

-- +goose Up

CREATE TABLE runs (
  run_id          TEXT    NOT NULL,
  state           TEXT    NOT NULL,
  ended           INTEGER NOT NULL,
  events          INTEGER NOT NULL,
  unknown_events  INTEGER NOT NULL,
  jobs            INTEGER NOT NULL,
  failed_jobs     INTEGER NOT NULL,
  sh_events       INTEGER NOT NULL,
  failed_sh       INTEGER NOT NULL,
  open_sh         INTEGER NOT NULL,
  started_at_ms   INTEGER,
  last_at_ms      INTEGER,
  wall_ms         INTEGER,
  busy_ms         INTEGER,
  job_ms          INTEGER,
  peak_jobs       INTEGER NOT NULL,
  PRIMARY KEY (run_id)
) STRICT, WITHOUT ROWID;

-- For pages of runs, newest first.
CREATE INDEX quire_project_runs_newest ON runs (started_at_ms DESC, run_id);

CREATE TABLE jobs (
  run_id          TEXT    NOT NULL,
  job_id          TEXT    NOT NULL,
  state           TEXT    NOT NULL,
  exit_code       INTEGER,
  started_at_ms   INTEGER,
  finished_at_ms  INTEGER,
  position        INTEGER NOT NULL,
  PRIMARY KEY (run_id, job_id)
) STRICT, WITHOUT ROWID;

-- What runs now. These two hold few rows.
CREATE INDEX quire_project_jobs_active ON jobs (run_id) WHERE state = 'active';

CREATE TABLE sh_events (
  run_id          TEXT    NOT NULL,
  job_id          TEXT    NOT NULL,
  seq             INTEGER NOT NULL,
  cmd             TEXT    NOT NULL,
  started_at_ms   INTEGER NOT NULL,
  finished_at_ms  INTEGER,
  exit_code       INTEGER,
  position        INTEGER NOT NULL,
  PRIMARY KEY (run_id, job_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX quire_project_sh_events_open ON sh_events (run_id) WHERE finished_at_ms IS NULL;

CREATE TABLE timings (
  run_id          TEXT    NOT NULL,
  job_id          TEXT    NOT NULL,
  offset_ms       INTEGER,
  duration_ms     INTEGER,
  sh_count        INTEGER NOT NULL,
  sh_ms           INTEGER,
  gap_ms          INTEGER,
  PRIMARY KEY (run_id, job_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE diagnostics (
  run_id          TEXT    NOT NULL,
  position        INTEGER NOT NULL,
  code            TEXT    NOT NULL,
  line            INTEGER NOT NULL,
  "offset"        INTEGER NOT NULL,
  job_id          TEXT,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

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

-- A duration is unknown where it would be negative or would not fit. SQLite
-- makes a float of a difference that does not fit.
CREATE VIEW sh_timings AS
SELECT
  sh.run_id, sh.job_id, sh.seq,
  CASE
    WHEN sh.started_at_ms >= run.started_at_ms
     AND typeof(sh.started_at_ms - run.started_at_ms) = 'integer'
    THEN sh.started_at_ms - run.started_at_ms
  END AS offset_ms,
  CASE
    WHEN sh.finished_at_ms >= sh.started_at_ms
     AND typeof(sh.finished_at_ms - sh.started_at_ms) = 'integer'
    THEN sh.finished_at_ms - sh.started_at_ms
  END AS duration_ms,
  sh.position
FROM sh_events AS sh LEFT JOIN runs AS run ON run.run_id = sh.run_id;

-- Whoever changes or removes rows by hand makes the run's checkpoint void, so
-- that its rows are derived again. The store only inserts and deletes, and
-- writes the checkpoint last. An insert has no trigger, which each row would
-- pay for; verify finds rows that do not belong.

-- +goose StatementBegin
CREATE TRIGGER quire_project_runs_updated AFTER UPDATE ON runs
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quire_project_runs_deleted AFTER DELETE ON runs
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quire_project_jobs_updated AFTER UPDATE ON jobs
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quire_project_jobs_deleted AFTER DELETE ON jobs
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quire_project_sh_events_updated AFTER UPDATE ON sh_events
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quire_project_sh_events_deleted AFTER DELETE ON sh_events
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quire_project_timings_updated AFTER UPDATE ON timings
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quire_project_timings_deleted AFTER DELETE ON timings
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quire_project_diagnostics_updated AFTER UPDATE ON diagnostics
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quire_project_diagnostics_deleted AFTER DELETE ON diagnostics
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
-- +goose StatementEnd
