-- Answers kept under idempotency keys, stored in the transaction of their events. Rows are added at the end. The
-- partial index finds old ones to delete without reading those that are kept for ever.
CREATE TABLE idempotency (
    id             INTEGER PRIMARY KEY,
    key            TEXT    NOT NULL UNIQUE,
    fingerprint    BLOB    NOT NULL,
    answer         BLOB    NOT NULL,
    first_position INTEGER NOT NULL,
    stored_at      INTEGER NOT NULL, -- microseconds since 1970, UTC
    permanent      INTEGER NOT NULL CHECK (permanent IN (0, 1))
) STRICT;

CREATE INDEX idempotency_by_age ON idempotency (stored_at) WHERE permanent = 0;
