-- The generations of rows. The live one has the tables with the plain names; another one has
-- the same tables with the prefix quire_project_g<number>_, while a new version of a projection
-- is built beside the live rows, or while the previous rows are kept. Meanwhile a trigger notes
-- the runs that change in the live one.

-- +goose Up

CREATE TABLE quire_project_generations (
    generation integer PRIMARY KEY,
    state      text NOT NULL
);

INSERT INTO quire_project_generations VALUES (1, 'live');

-- An id is never used again: whoever has brought over a change removes that one only.
CREATE TABLE quire_project_changes (
    id     bigint GENERATED ALWAYS AS IDENTITY,
    run_id text COLLATE "C" PRIMARY KEY
);

-- +goose StatementBegin
CREATE FUNCTION quire_project_note_change() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ -- writers need no right to the table
DECLARE
    changed text;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        changed := OLD.run_id;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.run_id <> OLD.run_id THEN
        EXECUTE format('INSERT INTO %I.quire_project_changes AS c (run_id) VALUES ($1)
            ON CONFLICT (run_id) DO UPDATE SET id = DEFAULT', TG_TABLE_SCHEMA) USING OLD.run_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        changed := NEW.run_id;
    END IF;
    EXECUTE format('INSERT INTO %I.quire_project_changes AS c (run_id) VALUES ($1)
        ON CONFLICT (run_id) DO UPDATE SET id = DEFAULT', TG_TABLE_SCHEMA) USING changed;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- The tables of each generation have checkpoints of their own.

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION quire_project_void_checkpoints() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched text := CASE TG_OP
        WHEN 'DELETE' THEN ' WHERE run_id IN (SELECT run_id FROM old_rows)'
        WHEN 'UPDATE' THEN ' WHERE run_id IN (SELECT run_id FROM old_rows UNION SELECT run_id FROM new_rows)'
        ELSE '' -- TRUNCATE leaves nothing of any run
    END;
BEGIN
    EXECUTE format('DELETE FROM %I.%I', TG_TABLE_SCHEMA, coalesce(substring(TG_TABLE_NAME FROM '^quire_project_g[0-9]+_'), '') || 'checkpoints') || touched;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- The rows of the first release, whose runs have no versions, count as version 1.
UPDATE quire_project_projections SET version = 1
WHERE version = 0 AND name IN ('runs', 'jobs', 'sh_events', 'timings.jobs', 'diagnostics')
AND EXISTS (SELECT 1 FROM checkpoints WHERE projections = '');
