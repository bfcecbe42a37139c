-- Tables, columns and codes get the names that the program and its documentation use. The columns
-- of checkpoints and of generations are also the fence against programs that do not know these
-- names: they can write no run and make no generation.
--
-- checkpoints come first: every transaction of a store locks them before other tables. The other
-- generations have tables of their own.

-- +goose Up

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    ALTER TABLE checkpoints RENAME COLUMN reading TO read_options;
    FOR t IN SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
        WHERE nspname = current_schema() AND relkind = 'r' AND relname ~ '^quire_project_g[0-9]+_checkpoints$' LOOP
        EXECUTE format('ALTER TABLE %I RENAME COLUMN reading TO read_options', t);
    END LOOP;
END
$$;
-- +goose StatementEnd

ALTER TABLE held_segments RENAME TO parked_segments;
ALTER TABLE parked_segments RENAME COLUMN held_at_ms TO parked_at_ms;
ALTER INDEX held_segments_pkey RENAME TO parked_segments_pkey;

UPDATE quarantined_runs SET code = 'not_resumable' WHERE code = 'cannot_go_on';

ALTER TABLE quire_project_generations RENAME COLUMN generation TO number;
