-- The streams of runs, if the store keeps them: how far each is kept, and its bytes in pieces,
-- compressed with zstd.

-- +goose Up

ALTER TABLE quire_project_store ADD COLUMN keeps_streams boolean NOT NULL DEFAULT false;

CREATE TABLE quire_project_streams (
  run_id      text COLLATE "C" NOT NULL,
  bytes       bigint NOT NULL,
  sha256      text NOT NULL,
  kept_at_ms  bigint NOT NULL,
  PRIMARY KEY (run_id)
);

CREATE TABLE quire_project_pieces (
  run_id    text COLLATE "C" NOT NULL,
  "offset"  bigint NOT NULL,
  bytes     bigint NOT NULL,
  data      bytea NOT NULL,
  PRIMARY KEY (run_id, "offset")
);

ALTER TABLE quire_project_pieces ALTER COLUMN data SET STORAGE EXTERNAL;
