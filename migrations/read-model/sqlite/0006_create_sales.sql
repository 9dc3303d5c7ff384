-- Projection `sales`: orders, units and revenue by UTC day of placing, each change kept with the day it happened on,
-- so that the report can be given as of any moment.

CREATE TABLE sales_days (
    placed_day        INTEGER NOT NULL,     -- days since 1970
    currency          TEXT    NOT NULL,
    changed_day       INTEGER NOT NULL,
    orders            INTEGER NOT NULL,
    units             INTEGER NOT NULL,
    revenue           INTEGER NOT NULL,
    cancelled_orders  INTEGER NOT NULL,
    cancelled_revenue INTEGER NOT NULL,
    PRIMARY KEY (placed_day, currency, changed_day)
) WITHOUT ROWID;

-- The single changes, for the part of a day before T.
CREATE TABLE sales_changes (
    position          INTEGER NOT NULL PRIMARY KEY,
    changed_at        INTEGER NOT NULL,
    placed_day        INTEGER NOT NULL,
    currency          TEXT    NOT NULL,
    orders            INTEGER NOT NULL,
    units             INTEGER NOT NULL,
    revenue           INTEGER NOT NULL,
    cancelled_orders  INTEGER NOT NULL,
    cancelled_revenue INTEGER NOT NULL
);
CREATE INDEX sales_changes_by_time ON sales_changes (changed_at);
