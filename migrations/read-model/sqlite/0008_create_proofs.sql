-- Projection `proofs`: the Merkle tree (RFC 6962) over the stored bytes of all events. Each row is the hash of a perfect
-- subtree. Its place is its number when a growing tree's hashes are written one after the other, each as soon as it is
-- complete: so a log that is followed in order only adds to the end.

CREATE TABLE log_hashes (
    place INTEGER NOT NULL PRIMARY KEY,
    hash  BLOB    NOT NULL
) STRICT;

-- The newest signed checkpoint of each origin. No rebuild touches it: the next one must continue it.
CREATE TABLE log_checkpoints (
    origin    TEXT    NOT NULL PRIMARY KEY,
    size      INTEGER NOT NULL,           -- events that it covers
    root      BLOB    NOT NULL,
    note      TEXT    NOT NULL,           -- the signed checkpoint
    signed_at INTEGER NOT NULL            -- microseconds since 1970
) STRICT;
