-- Answers kept under idempotency keys, stored in the transaction of their events. The partial index finds old ones to
-- delete without reading those that are kept for ever.
CREATE TABLE idempotency (
    key            text COLLATE "C" PRIMARY KEY,
    fingerprint    bytea   NOT NULL,
    answer         bytea   NOT NULL,
    first_position bigint  NOT NULL,
    stored_at      bigint  NOT NULL, -- microseconds since 1970, UTC
    permanent      boolean NOT NULL
);

CREATE INDEX idempotency_by_age ON idempotency (stored_at) WHERE NOT permanent;
