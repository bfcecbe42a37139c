-- What the store is called by those who keep track of what it has been given, such as
-- a broker. It is random, made with this table, and never changed.

-- +goose Up

CREATE TABLE quire_project_store (
  id TEXT NOT NULL,
  PRIMARY KEY (id)
) STRICT;

INSERT INTO quire_project_store VALUES (lower(hex(randomblob(16))));
