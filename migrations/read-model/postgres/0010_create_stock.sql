-- Projection `stock`: the units of each product in each warehouse, now and after each of its events. Times are microseconds
-- since 1970.

CREATE TABLE stock_items (
    item_id         uuid   NOT NULL PRIMARY KEY,
    product_id      text COLLATE "C" NOT NULL,
    warehouse       text COLLATE "C" NOT NULL,
    on_hand         bigint NOT NULL,
    reserved        bigint NOT NULL,
    available       bigint NOT NULL,           -- on_hand - reserved; below zero: a count found less than is promised
    committed_total bigint NOT NULL,           -- units that have ever left for customers
    version         bigint NOT NULL,
    position        bigint NOT NULL,
    updated_at      bigint NOT NULL            -- when the last event happened
);
CREATE INDEX stock_items_by_product   ON stock_items (product_id, warehouse);
CREATE INDEX stock_items_by_available ON stock_items (available);

-- The item after each of its events. Versions have no holes and times only grow along them, so the version at a moment is
-- found by halving: in steps that grow with the logarithm of the item's events, and without an index by time, which each
-- event would have to pay for.
CREATE TABLE stock_versions (
    item_id         uuid   NOT NULL,
    version         bigint NOT NULL,
    occurred_at     bigint NOT NULL,
    recorded_at     bigint NOT NULL,
    on_hand         bigint NOT NULL,
    reserved        bigint NOT NULL,
    committed_total bigint NOT NULL,
    PRIMARY KEY (item_id, version)
);
