-- Projection `orders`: the composed order, ready to serve, and its versions over time for `as_of` lists and counts.
-- Times are microseconds since 1970, amounts minor units, statuses the domain's codes.

CREATE TABLE orders (
    order_id           BLOB    NOT NULL PRIMARY KEY,
    version            INTEGER NOT NULL,
    position           INTEGER NOT NULL,
    status             INTEGER NOT NULL,
    payment_status     INTEGER NOT NULL,
    fulfillment_status INTEGER NOT NULL,
    customer_id        TEXT    NOT NULL,
    currency           TEXT    NOT NULL,
    total              INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    placed_at          INTEGER,             -- null: draft or discarded
    listed_at          INTEGER NOT NULL,    -- placed_at, else created_at: what lists sort by
    summary            TEXT    NOT NULL,    -- JSON, as lists show it
    document           TEXT    NOT NULL     -- JSON, as GET shows it, with "notes":[]
) STRICT;
CREATE INDEX orders_by_listed   ON orders (listed_at, order_id);
CREATE INDEX orders_by_status   ON orders (status, listed_at, order_id);
CREATE INDEX orders_by_customer ON orders (customer_id, listed_at, order_id);
CREATE INDEX orders_by_total    ON orders (total, order_id);

CREATE TABLE order_products (
    product_id TEXT    NOT NULL,
    listed_at  INTEGER NOT NULL,
    order_id   BLOB    NOT NULL,
    PRIMARY KEY (product_id, listed_at, order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_notes (
    order_id    BLOB    NOT NULL,
    version     INTEGER NOT NULL,           -- of the event that brought it
    note        TEXT    NOT NULL,           -- JSON, as GET shows it
    PRIMARY KEY (order_id, version)
) STRICT, WITHOUT ROWID;

-- One row for every version that changed what a list shows.
CREATE TABLE order_versions (
    order_id               BLOB    NOT NULL,
    version                INTEGER NOT NULL,
    occurred_at            INTEGER NOT NULL,
    status                 INTEGER NOT NULL,
    payment_status         INTEGER NOT NULL,
    fulfillment_status     INTEGER NOT NULL,
    was_status             INTEGER,         -- the row before; null for the first
    was_payment_status     INTEGER,
    was_fulfillment_status INTEGER,
    total                  INTEGER NOT NULL,
    paid                   INTEGER NOT NULL,
    refunded               INTEGER NOT NULL,
    line_count             INTEGER NOT NULL,
    units                  INTEGER NOT NULL,
    PRIMARY KEY (order_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX order_versions_by_time ON order_versions (occurred_at);

-- The change of each count on each UTC day. Counts as of T are the sums of the days before T's day plus the versions of
-- T's own day.
CREATE TABLE order_count_changes (
    day       INTEGER NOT NULL,             -- days since 1970
    dimension INTEGER NOT NULL,             -- 0 status, 1 payment status, 2 fulfilment status
    code      INTEGER NOT NULL,
    change    INTEGER NOT NULL,
    PRIMARY KEY (day, dimension, code)
) STRICT, WITHOUT ROWID;
