-- Projection `sales`: orders, units and revenue by UTC day of placing. Each change is kept with the day it happened on,
-- so that the report can be made as of any moment. Money is high * 1 000 000 000 + low, in minor units.

CREATE TABLE sales_days (
    placed_day        INTEGER NOT NULL,     -- days since 1970
    currency          TEXT    NOT NULL,
    changed_day       INTEGER NOT NULL,
    orders            INTEGER NOT NULL,
    units             INTEGER NOT NULL,
    revenue_high INTEGER NOT NULL,
    revenue_low INTEGER NOT NULL,
    cancelled_orders  INTEGER NOT NULL,
    cancelled_revenue_high INTEGER NOT NULL,
    cancelled_revenue_low INTEGER NOT NULL,
    PRIMARY KEY (placed_day, currency, changed_day)
) STRICT, WITHOUT ROWID;

-- The single changes, for the part of T's day before T.
CREATE TABLE sales_changes (
    position          INTEGER NOT NULL PRIMARY KEY,
    changed_at        INTEGER NOT NULL,
    placed_day        INTEGER NOT NULL,
    currency          TEXT    NOT NULL,
    orders            INTEGER NOT NULL,
    units             INTEGER NOT NULL,
    revenue_high INTEGER NOT NULL,
    revenue_low INTEGER NOT NULL,
    cancelled_orders  INTEGER NOT NULL,
    cancelled_revenue_high INTEGER NOT NULL,
    cancelled_revenue_low INTEGER NOT NULL
) STRICT;
CREATE INDEX sales_changes_by_time ON sales_changes (changed_at);
