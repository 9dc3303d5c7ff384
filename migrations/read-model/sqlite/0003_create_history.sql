-- Projection `history`: every event, so that replay and feeds need no other database.

CREATE TABLE history (
    position       INTEGER NOT NULL PRIMARY KEY,
    stream_type    TEXT    NOT NULL,
    stream_id      BLOB    NOT NULL,
    partition_key  BLOB, -- if it is not the stream's id
    version        INTEGER NOT NULL,
    event_id       BLOB    NOT NULL,
    event_type     TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    occurred_at    INTEGER NOT NULL,
    recorded_at    INTEGER NOT NULL,
    actor          TEXT,
    correlation_id TEXT,
    causation_id   TEXT,
    traceparent    TEXT,
    data           TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX history_by_stream ON history (stream_id, stream_type, version);
