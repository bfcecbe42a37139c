PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE quire_project_schema (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO quire_project_schema VALUES(1,0,1,'2026-11-27 20:18:07');
INSERT INTO quire_project_schema VALUES(2,1,1,'2026-11-27 20:18:07');
INSERT INTO quire_project_schema VALUES(3,2,1,'2026-11-27 20:18:07');
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
INSERT INTO runs VALUES('cobra-failing','failed',0,10,0,2,1,3,1,0,1795444914602,1795444915115,513,513,513,1);
INSERT INTO runs VALUES('open','active',0,3,0,2,0,1,0,1,1,1,0,0,0,1);
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
INSERT INTO jobs VALUES('cobra-failing','build','complete',0,1795444914602,1795444914695,1);
INSERT INTO jobs VALUES('cobra-failing','test','failed',1,1795444914695,1795444915115,2);
INSERT INTO jobs VALUES('open','a','active',NULL,1,NULL,1);
INSERT INTO jobs VALUES('open','b','active',NULL,NULL,NULL,2);
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
INSERT INTO sh_events VALUES('cobra-failing','build',1,'cd cobra && go build ./...',1795444914602,1795444914695,0,1);
INSERT INTO sh_events VALUES('cobra-failing','test',1,replace('set -euo pipefail\ncd cobra\nexport GOFLAGS="-count=1"\ngo test -run ''TestBash|TestGen'' ./... | tee ../cobra.log','\n',char(10)),1795444914695,1795444915112,0,2);
INSERT INTO sh_events VALUES('cobra-failing','test',2,'grep -q ''no such line — ça échoue'' cobra.log',1795444915112,1795444915115,1,3);
INSERT INTO sh_events VALUES('open','a',1,'x',2,NULL,NULL,1);
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
INSERT INTO timings VALUES('cobra-failing','build',0,93,1,93,0);
INSERT INTO timings VALUES('cobra-failing','test',93,420,2,420,0);
INSERT INTO timings VALUES('open','a',0,NULL,1,0,NULL);
INSERT INTO timings VALUES('open','b',NULL,NULL,0,0,NULL);
CREATE TABLE diagnostics (
  run_id          TEXT    NOT NULL,
  position        INTEGER NOT NULL,
  code            TEXT    NOT NULL,
  line            INTEGER NOT NULL,
  "offset"        INTEGER NOT NULL,
  job_id          TEXT,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO diagnostics VALUES('open',1,'clock_backwards',3,101,'b');
INSERT INTO diagnostics VALUES('open',2,'orphan_sh_finish',3,101,'b');
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
  updated_at      TEXT    NOT NULL, state TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (run_id)
) STRICT, WITHOUT ROWID;
INSERT INTO checkpoints VALUES('cobra-failing',910,10,10,'ebda3e9194fe5016f8e699a0ba9003115f7911a87b7c87aa1245e644efe08a96',910,10,'ebda3e9194fe5016f8e699a0ba9003115f7911a87b7c87aa1245e644efe08a96',1,'on-malformed=stop max-line=16777216','runs/cobra-failing.jsonl','2026-11-27T20:18:07.054Z','{"sha256":"c2hhA9AV5CAhfrq7ORSSyMWW5kSey4ubPYXVMSEYDfb9YMClbWUiOiJmYWlsZWQifQoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAOO","fold":{"version":1,"tracker":{"run_id":"cobra-failing","events":10,"first_at_ms":1795444914602,"last_at_ms":1795444915115,"outcome":0,"sh_started":3,"job_count":2},"projections":{"diagnostics":{"count":0},"jobs":{},"run":{"unknown_events":0,"complete_jobs":1,"failed_jobs":1,"failed_sh":1},"sh_events":{},"timings.jobs":{},"timings.run":{"busy":{"since":1795444914695,"total":{"ms":513}},"job_ms":{"ms":513},"peak_jobs":1}}}}');
INSERT INTO checkpoints VALUES('open',161,3,3,'aa4afbab768438ae6de6677d84eac1d803352d1ff8e124f9fea8f4ffd503df33',161,3,'aa4afbab768438ae6de6677d84eac1d803352d1ff8e124f9fea8f4ffd503df33',1,'on-malformed=stop max-line=16777216','runs/open.jsonl','2026-11-27T20:18:07.054Z','{"sha256":"c2hhA9pG8qMwhjlYGe38retYY5MERABeV1QI/hRO9HAo70ouaWQiOiJiIiwiZXhpdF9jb2RlIjoxLCJhdF9tcyI6MX0KAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACh","fold":{"version":1,"tracker":{"run_id":"open","events":3,"first_at_ms":1,"last_at_ms":1,"outcome":0,"sh_started":1,"job_count":2,"jobs":[{"index":0,"id":"a","started":true,"started_at_ms":1,"sh":1},{"index":1,"id":"b"}],"sh":[{"index":0,"seq":1,"job":0,"cmd":"x","started_at_ms":2}]},"projections":{"diagnostics":{"count":2},"jobs":{},"run":{"unknown_events":0,"complete_jobs":0,"failed_jobs":0,"failed_sh":0},"sh_events":{},"timings.jobs":{"0":{"since":2,"total":{"ms":0}}},"timings.run":{"busy":{"since":1,"total":{"ms":0}},"job_ms":{"ms":0},"peak_jobs":1}}}}');
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
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('quire_project_schema',3);
CREATE INDEX quire_project_runs_newest ON runs (started_at_ms DESC, run_id);
CREATE INDEX quire_project_jobs_active ON jobs (run_id) WHERE state = 'active';
CREATE INDEX quire_project_sh_events_open ON sh_events (run_id) WHERE finished_at_ms IS NULL;
CREATE INDEX quire_project_checkpoints_reducers ON checkpoints (reducers);
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
CREATE TRIGGER quire_project_runs_updated AFTER UPDATE ON runs
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
CREATE TRIGGER quire_project_runs_deleted AFTER DELETE ON runs
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
CREATE TRIGGER quire_project_jobs_updated AFTER UPDATE ON jobs
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
CREATE TRIGGER quire_project_jobs_deleted AFTER DELETE ON jobs
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
CREATE TRIGGER quire_project_sh_events_updated AFTER UPDATE ON sh_events
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
CREATE TRIGGER quire_project_sh_events_deleted AFTER DELETE ON sh_events
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
CREATE TRIGGER quire_project_timings_updated AFTER UPDATE ON timings
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
CREATE TRIGGER quire_project_timings_deleted AFTER DELETE ON timings
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
CREATE TRIGGER quire_project_diagnostics_updated AFTER UPDATE ON diagnostics
BEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END;
CREATE TRIGGER quire_project_diagnostics_deleted AFTER DELETE ON diagnostics
BEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END;
COMMIT;
