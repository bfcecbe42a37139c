-- +goose Up

-- Text that is a key is compared by its bytes: that is the order which stores
-- promise, and the fastest there is. How any string becomes text is said in
-- text.go, how a long job_id becomes a key in keys.go.

CREATE TABLE runs (
    run_id         text COLLATE "C" PRIMARY KEY,
    state          text    NOT NULL,
    ended          boolean NOT NULL,
    events         bigint  NOT NULL,
    unknown_events bigint  NOT NULL,
    jobs           bigint  NOT NULL,
    failed_jobs    bigint  NOT NULL,
    sh_events      bigint  NOT NULL,
    failed_sh      bigint  NOT NULL,
    open_sh        bigint  NOT NULL,
    started_at_ms  bigint,
    last_at_ms     bigint,
    wall_ms        bigint,
    busy_ms        bigint,
    job_ms         bigint,
    peak_jobs      bigint  NOT NULL
);

-- Pages of runs are read newest first.
CREATE INDEX runs_newest ON runs (started_at_ms DESC, run_id);

CREATE TABLE jobs (
    run_id         text COLLATE "C" NOT NULL,
    job_id         text COLLATE "C" NOT NULL,
    state          text   NOT NULL,
    exit_code      integer,
    started_at_ms  bigint,
    finished_at_ms bigint,
    position       bigint NOT NULL,
    PRIMARY KEY (run_id, job_id)
);

-- The rows that are not final are what goes when a run is read on: few, among
-- many.
CREATE INDEX jobs_active ON jobs (run_id) WHERE state = 'active';

CREATE TABLE sh_events (
    run_id         text COLLATE "C" NOT NULL,
    job_id         text COLLATE "C" NOT NULL,
    seq            bigint NOT NULL,
    cmd            text   NOT NULL,
    started_at_ms  bigint NOT NULL,
    finished_at_ms bigint,
    exit_code      integer,
    position       bigint NOT NULL,
    PRIMARY KEY (run_id, job_id, seq)
);

CREATE INDEX sh_events_open ON sh_events (run_id) WHERE finished_at_ms IS NULL;

CREATE TABLE timings (
    run_id      text COLLATE "C" NOT NULL,
    job_id      text COLLATE "C" NOT NULL,
    offset_ms   bigint,
    duration_ms bigint,
    sh_count    bigint NOT NULL,
    sh_ms       bigint,
    gap_ms      bigint,
    PRIMARY KEY (run_id, job_id)
);

CREATE TABLE diagnostics (
    run_id   text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    code     text   NOT NULL,
    line     bigint NOT NULL,
    "offset" bigint NOT NULL,
    job_id   text COLLATE "C",
    PRIMARY KEY (run_id, position)
);

-- Where job_id is too long for a key, its short form is in the tables above,
-- and the whole of it is here.
CREATE TABLE long_job_ids (
    run_id text COLLATE "C" NOT NULL,
    short  text COLLATE "C" NOT NULL,
    job_id text NOT NULL,
    PRIMARY KEY (run_id, short)
);

CREATE TABLE checkpoints (
    run_id     text COLLATE "C" PRIMARY KEY,
    bytes      bigint  NOT NULL,
    lines      bigint  NOT NULL,
    events     bigint  NOT NULL,
    sha256     text    NOT NULL,
    end_bytes  bigint  NOT NULL,
    end_lines  bigint  NOT NULL,
    end_sha256 text    NOT NULL,
    reducers   integer NOT NULL,
    reading    text    NOT NULL,
    source     text    NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE INDEX checkpoints_reducers ON checkpoints (reducers);

-- A time is null where an end is missing, where it would be negative and where
-- bigint cannot hold it. The last condition is written so that nothing in it
-- overflows either.
CREATE VIEW sh_timings AS
SELECT s.run_id, s.job_id, s.seq,
       CASE WHEN s.started_at_ms >= r.started_at_ms
             AND s.started_at_ms <= 9223372036854775807 + least(r.started_at_ms, 0)
            THEN s.started_at_ms - r.started_at_ms END AS offset_ms,
       CASE WHEN s.finished_at_ms >= s.started_at_ms
             AND s.finished_at_ms <= 9223372036854775807 + least(s.started_at_ms, 0)
            THEN s.finished_at_ms - s.started_at_ms END AS duration_ms,
       s.position
FROM sh_events AS s LEFT JOIN runs AS r ON r.run_id = s.run_id;

-- Whoever changes or deletes rows makes the checkpoints of their runs void, so
-- that these runs are derived again. The store itself, which says who it is,
-- keeps its checkpoints in order on its own.

-- +goose StatementBegin
CREATE FUNCTION quire_project_void_checkpoints() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched text := CASE TG_OP
        WHEN 'DELETE' THEN ' WHERE run_id IN (SELECT run_id FROM old_rows)'
        WHEN 'UPDATE' THEN ' WHERE run_id IN (SELECT run_id FROM old_rows UNION SELECT run_id FROM new_rows)'
        ELSE '' -- TRUNCATE leaves nothing of any run
    END;
BEGIN
    EXECUTE format('DELETE FROM %I.checkpoints', TG_TABLE_SCHEMA) || touched;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
DECLARE
    name  text;
    -- what all triggers say: once a statement, and not for the store's own
    calls text := $calls$ FOR EACH STATEMENT
        WHEN (current_setting('quire_project.writer', true) IS DISTINCT FROM 'store')
        EXECUTE FUNCTION quire_project_void_checkpoints()$calls$;
BEGIN
    FOREACH name IN ARRAY ARRAY['runs', 'jobs', 'sh_events', 'timings', 'diagnostics', 'long_job_ids'] LOOP
        EXECUTE format('CREATE TRIGGER quire_project_updated AFTER UPDATE ON %I
            REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows', name) || calls;
        EXECUTE format('CREATE TRIGGER quire_project_deleted AFTER DELETE ON %I
            REFERENCING OLD TABLE AS old_rows', name) || calls;
        EXECUTE format('CREATE TRIGGER quire_project_truncated AFTER TRUNCATE ON %I', name) || calls;
    END LOOP;
END
$$;
-- +goose StatementEnd
