-- Projection `proofs`: the Merkle tree (RFC 6962) over the stored bytes of all events. Each row is the hash of a perfect
-- subtree. Its place is its number when a growing tree's hashes are written one after the other, each as soon as it is
-- complete: so a log that is followed in order only adds to the end.

CREATE TABLE log_hashes (
    place bigint NOT NULL PRIMARY KEY,
    hash  bytea  NOT NULL
);

-- The newest signed checkpoint of each origin. No rebuild touches it: the next one must continue it.
CREATE TABLE log_checkpoints (
    origin    text COLLATE "C" NOT NULL PRIMARY KEY,
    size      bigint NOT NULL,           -- events that it covers
    root      bytea  NOT NULL,
    note      text   NOT NULL,           -- the signed checkpoint
    signed_at bigint NOT NULL            -- microseconds since 1970
);
