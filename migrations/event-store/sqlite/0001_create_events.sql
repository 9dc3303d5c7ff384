-- The log and its head.
--
-- An event's position is the row's own key, so the feed is a plain scan in insertion order, and an append touches only
-- the last page. The only other index answers "which version is this stream at" and "this stream's events", and makes a
-- version unique. event_id has no index: one place makes the ids from 74 random bits, no query looks an event up by id,
-- and every append would pay for a third B-tree.
PRAGMA application_id = 0x6f6c6f67; -- 'olog': distinguishes this file from other SQLite files

CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    stream_type    TEXT    NOT NULL
        CHECK (length(stream_type) BETWEEN 1 AND 31 AND stream_type NOT GLOB '*[^A-Za-z0-9_.-]*'),
    stream_id      BLOB    NOT NULL,
    -- The business case that the stream belongs to; NULL = the stream's own id. The first event decides, later ones inherit it.
    partition_key  BLOB    CHECK (length(partition_key) = 16 AND partition_key <> stream_id),
    version        INTEGER NOT NULL,
    event_id       BLOB    NOT NULL,
    event_type     TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    occurred_at    INTEGER NOT NULL, -- microseconds since 1970, UTC
    recorded_at    INTEGER NOT NULL, -- microseconds since 1970, UTC; never decreases with position
    correlation_id TEXT,
    causation_id   TEXT,
    traceparent    TEXT,
    actor          TEXT,
    payload        TEXT    NOT NULL, -- JSON, the exact bytes of the event; query it with json_extract
    hash           BLOB    NOT NULL  -- SHA-256(hash of the event before, canonical bytes of this one)
) STRICT;

CREATE UNIQUE INDEX events_by_stream ON events (stream_id, stream_type, version);

-- Append-only. INSERT OR REPLACE would delete without firing a delete trigger, hence the third one. It fails the
-- statement and never skips the row: an insert must take effect or be an error.
CREATE TRIGGER events_are_never_updated BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: events are never updated');
END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: events are never deleted');
END;

CREATE TRIGGER events_are_never_replaced BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
    OR EXISTS (
        SELECT 1 FROM events
        WHERE stream_id = NEW.stream_id AND stream_type = NEW.stream_type AND version = NEW.version
    )
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: events are never replaced');
END;

-- The end of the log, one row. An append reads it under the write lock and writes it in the transaction of the events:
-- that makes positions gapless and in commit order. revision counts appends, including those without events.
CREATE TABLE log_head (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    position    INTEGER NOT NULL,
    hash        BLOB    NOT NULL,
    recorded_at INTEGER NOT NULL,
    revision    INTEGER NOT NULL
) STRICT;

INSERT INTO log_head (only_row, position, hash, recorded_at, revision) VALUES (1, 0, zeroblob(32), 0, 0);

-- The head never moves without its rows. It moves after them, by exactly as many positions as rows were inserted, to
-- the position and hash of the last row.
CREATE TRIGGER log_head_is_the_last_event BEFORE UPDATE ON log_head
WHEN NEW.position - OLD.position <> (SELECT COUNT(*) FROM events WHERE position > OLD.position)
    OR NEW.position IS NOT (SELECT COALESCE(MAX(position), 0) FROM events)
    OR NEW.hash IS NOT COALESCE((SELECT hash FROM events ORDER BY position DESC LIMIT 1), zeroblob(32))
BEGIN
    SELECT RAISE(ABORT, 'the head of the log is its last event: it moves by as many positions as rows went in');
END;

CREATE TRIGGER log_head_is_never_replaced BEFORE INSERT ON log_head
BEGIN
    SELECT RAISE(ABORT, 'the head of the log is never replaced');
END;

CREATE TRIGGER log_head_is_never_deleted BEFORE DELETE ON log_head
BEGIN
    SELECT RAISE(ABORT, 'the head of the log is never deleted');
END;
