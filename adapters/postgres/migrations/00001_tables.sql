-- What stores keep besides rows. The tables of rows are made of the declarations of
-- their projections, see table.go.
--
-- Text that is a key is compared by its bytes: that is the order which stores
-- promise, and the fastest there is. How any string becomes text is said in
-- text.go.

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

-- What the triggers of the tables of rows call when somebody changes or removes rows by
-- hand: it makes the checkpoints of their runs void.

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
