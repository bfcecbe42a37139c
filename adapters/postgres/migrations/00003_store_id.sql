-- What the store is called by those who keep track of what it has been given, such as
-- a broker. It is random, made with this table, and never changed.

-- +goose Up

CREATE TABLE quire_project_store (
  id text NOT NULL,
  PRIMARY KEY (id)
);

INSERT INTO quire_project_store VALUES (replace(gen_random_uuid()::text, '-', ''));
