-- Projection `orders`: the composed order, ready to serve, and its versions over time for `as_of` lists and counts.
-- Times are microseconds since 1970, amounts minor units, statuses the domain's codes.

CREATE TABLE orders (
    order_id           uuid NOT NULL PRIMARY KEY,
    version            bigint NOT NULL,
    position           bigint NOT NULL,
    status             smallint NOT NULL,
    payment_status     smallint NOT NULL,
    fulfillment_status smallint NOT NULL,
    customer_id        text COLLATE "C" NOT NULL,
    currency           text COLLATE "C" NOT NULL,
    total              bigint NOT NULL,
    created_at         bigint NOT NULL,
    placed_at          bigint,             -- null: draft or discarded
    listed_at          bigint NOT NULL,    -- placed_at, else created_at: what lists sort by
    summary            text NOT NULL,    -- JSON, as lists show it
    document           text NOT NULL     -- JSON, as GET shows it, with "notes":[]
);
CREATE INDEX orders_by_listed   ON orders (listed_at, order_id);
CREATE INDEX orders_by_status   ON orders (status, listed_at, order_id);
CREATE INDEX orders_by_customer ON orders (customer_id, listed_at, order_id);
CREATE INDEX orders_by_total    ON orders (total, order_id);

CREATE TABLE order_products (
    product_id text COLLATE "C" NOT NULL,
    listed_at  bigint NOT NULL,
    order_id   uuid NOT NULL,
    PRIMARY KEY (product_id, listed_at, order_id)
);

CREATE TABLE order_notes (
    order_id    uuid NOT NULL,
    version     bigint NOT NULL,           -- of the event that brought it
    note        text NOT NULL,           -- JSON, as GET shows it
    PRIMARY KEY (order_id, version)
);

-- One row for every version that changed what a list shows.
CREATE TABLE order_versions (
    order_id               uuid NOT NULL,
    version                bigint NOT NULL,
    occurred_at            bigint NOT NULL,
    status                 smallint NOT NULL,
    payment_status         smallint NOT NULL,
    fulfillment_status     smallint NOT NULL,
    was_status             smallint,         -- the row before; null for the first
    was_payment_status     smallint,
    was_fulfillment_status smallint,
    total                  bigint NOT NULL,
    paid                   bigint NOT NULL,
    refunded               bigint NOT NULL,
    line_count             bigint NOT NULL,
    units                  bigint NOT NULL,
    PRIMARY KEY (order_id, version)
);
CREATE INDEX order_versions_by_time ON order_versions (occurred_at);

-- The change of each count on each UTC day. Counts as of T are the sums of the days before T's day plus the versions of
-- T's own day.
CREATE TABLE order_count_changes (
    day       bigint NOT NULL,             -- days since 1970
    dimension smallint NOT NULL,             -- 0 status, 1 payment status, 2 fulfilment status
    code      smallint NOT NULL,
    change    bigint NOT NULL,
    PRIMARY KEY (day, dimension, code)
);
