-- Projection `sales`: orders, units and revenue by UTC day of placing. Each change is kept with the day it happened on,
-- so that the report can be made as of any moment. Money is high * 1 000 000 000 + low, in minor units.

CREATE TABLE sales_days (
    placed_day        bigint NOT NULL,     -- days since 1970
    currency          text COLLATE "C" NOT NULL,
    changed_day       bigint NOT NULL,
    orders            bigint NOT NULL,
    units             bigint NOT NULL,
    revenue_high bigint NOT NULL,
    revenue_low bigint NOT NULL,
    cancelled_orders  bigint NOT NULL,
    cancelled_revenue_high bigint NOT NULL,
    cancelled_revenue_low bigint NOT NULL,
    PRIMARY KEY (placed_day, currency, changed_day)
);

-- The single changes, for the part of T's day before T.
CREATE TABLE sales_changes (
    position          bigint NOT NULL PRIMARY KEY,
    changed_at        bigint NOT NULL,
    placed_day        bigint NOT NULL,
    currency          text COLLATE "C" NOT NULL,
    orders            bigint NOT NULL,
    units             bigint NOT NULL,
    revenue_high bigint NOT NULL,
    revenue_low bigint NOT NULL,
    cancelled_orders  bigint NOT NULL,
    cancelled_revenue_high bigint NOT NULL,
    cancelled_revenue_low bigint NOT NULL
);
CREATE INDEX sales_changes_by_time ON sales_changes (changed_at);
