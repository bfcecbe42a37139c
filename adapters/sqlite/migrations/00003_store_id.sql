-- The id of the store, for clients that keep track of what they have stored, such as a
-- broker. It is random, made with this table, and never changes.

-- +goose Up

CREATE TABLE quire_project_store (
  id TEXT NOT NULL,
  PRIMARY KEY (id)
) STRICT;

INSERT INTO quire_project_store VALUES (lower(hex(randomblob(16))));
