-- The log and its head. Everything of the log lives in a schema of its own, `event_store`.
--
-- payload is json, not jsonb: it keeps the exact bytes and can still be queried, e.g.
--     SELECT payload -> 'customer' ->> 'name' FROM event_store.events WHERE event_type = 'OrderPlaced';
-- The only index besides the key answers "which version is this stream at" and "this stream's events", and makes a
-- version unique. event_id has no index: one place makes the ids from 74 random bits, no query looks an event up by id,
-- and every append would pay for a third B-tree.

CREATE TABLE events (
    position       bigint  PRIMARY KEY,
    stream_id      uuid    NOT NULL,
    -- The business case that the stream belongs to; NULL = the stream's own id. The first event decides, later ones inherit it.
    partition_key  uuid    CHECK (partition_key <> stream_id),
    version        bigint  NOT NULL,
    event_id       uuid    NOT NULL,
    occurred_at    bigint  NOT NULL, -- microseconds since 1970, UTC
    recorded_at    bigint  NOT NULL, -- microseconds since 1970, UTC; never decreases with position
    schema_version bigint  NOT NULL,
    -- A page can end when it is full, without reading the payloads after it.
    payload_bytes  integer NOT NULL GENERATED ALWAYS AS (octet_length(payload::text)) STORED,
    stream_type    text COLLATE "C" NOT NULL CHECK (stream_type ~ '^[A-Za-z0-9_.-]{1,31}$'),
    event_type     text COLLATE "C" NOT NULL,
    correlation_id text COLLATE "C",
    causation_id   text COLLATE "C",
    traceparent    text COLLATE "C",
    actor          text COLLATE "C",
    payload        json    NOT NULL, -- the exact bytes of the event
    hash           bytea   NOT NULL  -- SHA-256(hash of the event before, canonical bytes of this one)
);

CREATE UNIQUE INDEX events_by_stream ON events (stream_id, stream_type, version);

-- The end of the log, one row. An append locks and reads it before anything that it relies on, and writes it in the
-- transaction of the events: that makes positions gapless and in commit order. revision counts appends, including those
-- without events. The low fillfactor leaves room on the page, so that an update never touches the index.
CREATE TABLE log_head (
    only_row    integer PRIMARY KEY CHECK (only_row = 1),
    position    bigint  NOT NULL,
    hash        bytea   NOT NULL,
    recorded_at bigint  NOT NULL,
    revision    bigint  NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

INSERT INTO log_head (only_row, position, hash, recorded_at, revision)
VALUES (1, 0, decode(repeat('00', 32), 'hex'), 0, 0);

-- Append-only. The triggers are always in force, also for a replication session, and fire before any row is read. Only
-- the tables' owner can switch them off.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER events_are_never_changed;

CREATE TRIGGER log_head_is_never_deleted BEFORE DELETE OR TRUNCATE ON log_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE log_head ENABLE ALWAYS TRIGGER log_head_is_never_deleted;

-- The head never moves without its rows. When the statement that moves it ends, exactly as many rows have been
-- inserted, and the last of them has the head's position and hash.
CREATE FUNCTION refuse_head_without_its_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    SELECT position, hash INTO last FROM event_store.events ORDER BY position DESC LIMIT 1;
    IF NEW.position - OLD.position <> (SELECT COUNT(*) FROM event_store.events WHERE position > OLD.position)
        OR NEW.position <> COALESCE(last.position, 0)
        OR NEW.hash <> COALESCE(last.hash, decode(repeat('00', 32), 'hex'))
    THEN
        RAISE EXCEPTION 'the head of the log is its last event: it moves by as many positions as rows went in'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER log_head_is_the_last_event AFTER UPDATE ON log_head
    FOR EACH ROW EXECUTE FUNCTION refuse_head_without_its_rows();
ALTER TABLE log_head ENABLE ALWAYS TRIGGER log_head_is_the_last_event;

-- For people: times as timestamps.
CREATE VIEW readable_events AS
SELECT position, stream_type, stream_id, COALESCE(partition_key, stream_id) AS partition_key, version, event_id, event_type, schema_version,
    timestamptz 'epoch' + occurred_at * interval '1 microsecond' AS occurred_at,
    timestamptz 'epoch' + recorded_at * interval '1 microsecond' AS recorded_at,
    correlation_id, causation_id, traceparent, actor, payload, hash
FROM events;
