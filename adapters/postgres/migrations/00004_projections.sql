-- The projections that have tables, with the newest version of which a program has
-- written rows; and for each run the projections and versions of its rows. The rows of the
-- first release are of version 1.

-- +goose Up

CREATE TABLE quire_project_projections (
    name    text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    columns text   NOT NULL
);

ALTER TABLE checkpoints DROP COLUMN reducers, ADD COLUMN projections text COLLATE "C" NOT NULL DEFAULT '';

UPDATE checkpoints SET projections = 'runs@1 jobs@1 sh_events@1 timings.jobs@1 diagnostics@1';

CREATE INDEX checkpoints_projections ON checkpoints (projections, run_id);

-- The tables of the first release stay, with the rights and views that people have
-- added. Their rows are inserted again: with the full ids of jobs, since long ids were in
-- a table of their own, and with the columns position and final. Rows that were added by
-- hand are dropped if they do not fit.

-- +goose StatementBegin
DO $$
DECLARE
    t text;
    first int := count(*) FROM (SELECT 1 FROM checkpoints LIMIT 1) AS checkpoint; -- 0 without any rows
BEGIN
    IF to_regclass(format('%I.runs', current_schema())) IS NULL THEN
        RETURN;
    END IF;
    PERFORM set_config('quire_project.writer', 'store', true);

    FOREACH t IN ARRAY ARRAY['runs', 'jobs', 'sh_events', 'timings', 'diagnostics'] LOOP
        EXECUTE format('CREATE TABLE %I AS TABLE %I', 'quire_project_first_' || t, t);
        EXECUTE format('TRUNCATE %I', t);
        EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS position bigint NOT NULL, ADD COLUMN final boolean NOT NULL', t);
        IF t <> 'runs' THEN
            EXECUTE format('UPDATE %I AS f SET job_id = l.job_id FROM long_job_ids AS l WHERE l.run_id = f.run_id AND l.short = f.job_id', 'quire_project_first_' || t);
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I, ADD PRIMARY KEY (run_id, position)', t, t || '_pkey');
        END IF;
    END LOOP;

    CREATE UNIQUE INDEX ON jobs (run_id, hashtextextended(job_id, 0));
    CREATE UNIQUE INDEX ON sh_events (run_id, hashtextextended(job_id, 0), seq);
    CREATE UNIQUE INDEX ON timings (run_id, hashtextextended(job_id, 0));

    INSERT INTO runs (run_id, state, ended, events, unknown_events, jobs, failed_jobs, sh_events, failed_sh, open_sh,
        started_at_ms, last_at_ms, wall_ms, busy_ms, job_ms, peak_jobs, position, final)
    SELECT run_id, state, ended, events, unknown_events, jobs, failed_jobs, sh_events, failed_sh, open_sh,
        started_at_ms, last_at_ms, wall_ms, busy_ms, job_ms, peak_jobs, 1, false
    FROM quire_project_first_runs;
    INSERT INTO jobs (run_id, job_id, state, exit_code, started_at_ms, finished_at_ms, position, final)
    SELECT run_id, job_id, state, exit_code, started_at_ms, finished_at_ms, position, finished_at_ms IS NOT NULL
    FROM quire_project_first_jobs ON CONFLICT DO NOTHING;
    INSERT INTO sh_events (run_id, job_id, seq, cmd, started_at_ms, finished_at_ms, exit_code, position, final)
    SELECT run_id, job_id, seq, cmd, started_at_ms, finished_at_ms, exit_code, position, finished_at_ms IS NOT NULL
    FROM quire_project_first_sh_events ON CONFLICT DO NOTHING;
    INSERT INTO timings (run_id, job_id, offset_ms, duration_ms, sh_count, sh_ms, gap_ms, position, final)
    SELECT f.run_id, f.job_id, f.offset_ms, f.duration_ms, f.sh_count, f.sh_ms, f.gap_ms, j.position, j.final
    FROM quire_project_first_timings AS f JOIN jobs AS j ON j.run_id = f.run_id AND j.job_id = f.job_id ON CONFLICT DO NOTHING;
    INSERT INTO diagnostics (run_id, code, line, "offset", job_id, position, final)
    SELECT run_id, code, line, "offset", job_id, position, true
    FROM quire_project_first_diagnostics ON CONFLICT DO NOTHING;

    FOREACH t IN ARRAY ARRAY['runs', 'jobs', 'sh_events', 'timings', 'diagnostics'] LOOP
        EXECUTE format('DROP TABLE %I', 'quire_project_first_' || t);
    END LOOP;
    DROP TABLE long_job_ids;

    INSERT INTO quire_project_projections (name, version, columns) VALUES
        ('runs', first, 'runs: state text, ended boolean, events integer, unknown_events integer, jobs integer, failed_jobs integer, sh_events integer, failed_sh integer, open_sh integer, started_at_ms integer null, last_at_ms integer null, wall_ms integer null, busy_ms integer null, job_ms integer null, peak_jobs integer'),
        ('jobs', first, 'jobs: job_id text key, state text, started_at_ms integer null, finished_at_ms integer null, exit_code integer 32 null'),
        ('sh_events', first, 'sh_events: job_id text key, seq integer key, cmd text, started_at_ms integer, finished_at_ms integer null, exit_code integer 32 null'),
        ('timings.jobs', first, 'timings: job_id text key, offset_ms integer null, duration_ms integer null, sh_count integer, sh_ms integer null, gap_ms integer null'),
        ('diagnostics', first, 'diagnostics: code text, line integer, offset integer, job_id text null, position key');
END
$$;
-- +goose StatementEnd
