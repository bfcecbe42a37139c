-- A duration is null if an end is missing, if it would be negative, or if it does not fit
-- into a bigint. The last condition itself cannot overflow.
CREATE OR REPLACE VIEW sh_timings AS
SELECT s.run_id, s.job_id, s.seq,
       CASE WHEN s.started_at_ms >= r.started_at_ms
             AND s.started_at_ms <= 9223372036854775807 + least(r.started_at_ms, 0)
            THEN s.started_at_ms - r.started_at_ms END AS offset_ms,
       CASE WHEN s.finished_at_ms >= s.started_at_ms
             AND s.finished_at_ms <= 9223372036854775807 + least(s.started_at_ms, 0)
            THEN s.finished_at_ms - s.started_at_ms END AS duration_ms,
       s.position
FROM sh_events AS s LEFT JOIN runs AS r ON r.run_id = s.run_id;
