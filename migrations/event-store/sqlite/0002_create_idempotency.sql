-- Answers kept under idempotency keys, stored in the transaction of the events they tell of.
-- Rows go in at the end; the partial index lets old ones be forgotten without passing over those kept for ever.
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
