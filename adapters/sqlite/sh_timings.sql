-- A duration is null if it would be negative or does not fit into an integer. SQLite
-- turns a difference that does not fit into a float.
CREATE VIEW IF NOT EXISTS sh_timings AS
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
