-- What stores keep besides rows. table.go makes the tables of rows from the declarations
-- of their projections.
--
-- Texts that are keys are compared by their bytes: stores promise that order, and it is
-- the fastest. text.go explains how a string becomes text.

-- +goose Up

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

-- The triggers of the tables of rows call this function when somebody changes or deletes
-- rows by hand. It deletes the checkpoints of their runs.

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
