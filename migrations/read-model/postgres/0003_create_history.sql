-- Projection `history`: every event, so that replay and feeds need no other database.

CREATE TABLE history (
    position       bigint NOT NULL PRIMARY KEY,
    stream_type    text COLLATE "C" NOT NULL,
    stream_id      uuid NOT NULL,
    partition_key  uuid, -- if it is not the stream's id
    version        bigint NOT NULL,
    event_id       uuid NOT NULL,
    event_type     text COLLATE "C" NOT NULL,
    schema_version bigint NOT NULL,
    occurred_at    bigint NOT NULL,
    recorded_at    bigint NOT NULL,
    actor          text COLLATE "C",
    correlation_id text COLLATE "C",
    causation_id   text COLLATE "C",
    traceparent    text COLLATE "C",
    data           text NOT NULL
);
CREATE UNIQUE INDEX history_by_stream ON history (stream_id, stream_type, version);
