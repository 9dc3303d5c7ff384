-- The catalog: all projections, the position of each, what is being rebuilt, and what is parked.

CREATE TABLE projections (
    name        text COLLATE "C" NOT NULL PRIMARY KEY,
    version     bigint NOT NULL,           -- of the projection's code; a different one needs a rebuild
    generation  bigint NOT NULL,           -- raised by every swap, rollback and retry; part of the checkpoint's
                                            -- compare-and-set
    state       text COLLATE "C" NOT NULL,           -- live | stopped
    position    bigint NOT NULL,           -- every event up to here is in the rows
    updated_at  bigint NOT NULL            -- microseconds since 1970
);

CREATE TABLE rebuilds (
    name         text COLLATE "C" NOT NULL PRIMARY KEY,
    version      bigint NOT NULL,
    generation   bigint NOT NULL,          -- the generation being filled
    position     bigint NOT NULL,
    target       bigint NOT NULL,          -- the log's head when it began
    events_per_second double precision NOT NULL,
    owner        bytea NOT NULL,          -- who is filling it: an id, a process and when that process started
    heartbeat_at bigint NOT NULL,
    started_at   bigint NOT NULL
);

-- The generation that the last swap replaced. Its tables stay as <table>__g<generation> until the next rebuild.
CREATE TABLE kept_generations (
    name         text COLLATE "C" NOT NULL PRIMARY KEY,
    version      bigint NOT NULL,
    generation   bigint NOT NULL,
    position     bigint NOT NULL,          -- the position of its rows
    kept_at      bigint NOT NULL
);

CREATE TABLE parked_events (
    projection   text COLLATE "C" NOT NULL,
    generation   bigint NOT NULL,
    position     bigint NOT NULL,
    stream_type  text NOT NULL,
    stream_id    uuid NOT NULL,
    version      bigint NOT NULL,
    reason       text NOT NULL,
    event        text NOT NULL,          -- the whole event as JSON, to be retried without its source
    parked_at    bigint NOT NULL,
    PRIMARY KEY (projection, generation, position)
);
CREATE INDEX parked_events_by_stream ON parked_events (projection, generation, stream_id, stream_type);

-- The log's head as the projector last saw it; "lag" is measured against it.
CREATE TABLE source_head (
    id          bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    position    bigint NOT NULL,
    recorded_at bigint NOT NULL,
    seen_at     bigint NOT NULL,
    witness_position bigint,                -- an event that this log has, and its hash in the log's chain:
    witness_hash bytea                     -- another log has another hash there
);

-- Secrets of this read model, e.g. the key that signs cursors.
CREATE TABLE secrets (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    value bytea NOT NULL
);
