-- States of long streams, so that loading one need not fold all its events. A cache: every row may be deleted.
CREATE TABLE snapshots (
    stream_id        BLOB    NOT NULL,
    stream_type      TEXT    NOT NULL,
    snapshot_version INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    occurred_at      INTEGER NOT NULL, -- microseconds since 1970, UTC
    position         INTEGER NOT NULL,
    state            BLOB    NOT NULL,
    PRIMARY KEY (stream_id, stream_type, snapshot_version)
) STRICT;
