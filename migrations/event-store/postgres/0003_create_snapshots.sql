-- States of long streams, so that loading one need not fold all its events. A cache: every row may be deleted.
CREATE TABLE snapshots (
    stream_id        uuid   NOT NULL,
    stream_type      text COLLATE "C" NOT NULL,
    snapshot_version bigint NOT NULL,
    version          bigint NOT NULL,
    occurred_at      bigint NOT NULL, -- microseconds since 1970, UTC
    position         bigint NOT NULL,
    state            bytea  NOT NULL,
    PRIMARY KEY (stream_id, stream_type, snapshot_version)
);
