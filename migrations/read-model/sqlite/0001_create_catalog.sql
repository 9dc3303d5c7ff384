-- The catalog: all projections, the position of each, what is being rebuilt, and what is parked.

CREATE TABLE projections (
    name        TEXT    NOT NULL PRIMARY KEY,
    version     INTEGER NOT NULL,           -- of the projection's code; a different one needs a rebuild
    generation  INTEGER NOT NULL,           -- raised by every swap, rollback and retry; part of the checkpoint's
                                            -- compare-and-set
    state       TEXT    NOT NULL,           -- live | stopped
    position    INTEGER NOT NULL,           -- every event up to here is in the rows
    updated_at  INTEGER NOT NULL            -- microseconds since 1970
) STRICT;

CREATE TABLE rebuilds (
    name         TEXT    NOT NULL PRIMARY KEY,
    version      INTEGER NOT NULL,
    generation   INTEGER NOT NULL,          -- the generation being filled
    position     INTEGER NOT NULL,
    target       INTEGER NOT NULL,          -- the log's head when it began
    events_per_second REAL NOT NULL,
    owner        BLOB    NOT NULL,          -- who is filling it: an id, a process and when that process started
    heartbeat_at INTEGER NOT NULL,
    started_at   INTEGER NOT NULL
) STRICT;

-- The generation that the last swap replaced. Its tables stay as <table>__g<generation> until the next rebuild.
CREATE TABLE kept_generations (
    name         TEXT    NOT NULL PRIMARY KEY,
    version      INTEGER NOT NULL,
    generation   INTEGER NOT NULL,
    position     INTEGER NOT NULL,          -- the position of its rows
    kept_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE parked_events (
    projection   TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    stream_type  TEXT    NOT NULL,
    stream_id    BLOB    NOT NULL,
    version      INTEGER NOT NULL,
    reason       TEXT    NOT NULL,
    event        TEXT    NOT NULL,          -- the whole event as JSON, to be retried without its source
    parked_at    INTEGER NOT NULL,
    PRIMARY KEY (projection, generation, position)
) STRICT;
CREATE INDEX parked_events_by_stream ON parked_events (projection, generation, stream_id, stream_type);

-- The log's head as the projector last saw it; "lag" is measured against it.
CREATE TABLE source_head (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    position    INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    witness_position INTEGER,                -- an event that this log has, and its hash in the log's chain:
    witness_hash BLOB                     -- another log has another hash there
) STRICT;

-- Secrets of this read model, e.g. the key that signs cursors.
CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
