-- Projection `stock`: the units of each product in each warehouse, now and after each of its events. Times are microseconds
-- since 1970.

CREATE TABLE stock_items (
    item_id         BLOB    NOT NULL PRIMARY KEY,
    product_id      TEXT    NOT NULL,
    warehouse       TEXT    NOT NULL,
    on_hand         INTEGER NOT NULL,
    reserved        INTEGER NOT NULL,
    available       INTEGER NOT NULL,           -- on_hand - reserved; below zero: a count found less than is promised
    committed_total INTEGER NOT NULL,           -- units that have ever left for customers
    version         INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL            -- when the last event happened
) STRICT;
CREATE INDEX stock_items_by_product   ON stock_items (product_id, warehouse);
CREATE INDEX stock_items_by_available ON stock_items (available);

-- The item after each of its events. Versions have no holes and times only grow along them, so the version at a moment is
-- found by halving: in steps that grow with the logarithm of the item's events, and without an index by time, which each
-- event would have to pay for.
CREATE TABLE stock_versions (
    item_id         BLOB    NOT NULL,
    version         INTEGER NOT NULL,
    occurred_at     INTEGER NOT NULL,
    recorded_at     INTEGER NOT NULL,
    on_hand         INTEGER NOT NULL,
    reserved        INTEGER NOT NULL,
    committed_total INTEGER NOT NULL,
    PRIMARY KEY (item_id, version)
) STRICT, WITHOUT ROWID;
