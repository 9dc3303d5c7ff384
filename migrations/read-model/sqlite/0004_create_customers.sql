-- Projection `customers`: what each customer has ordered.
-- The name is that of the order placed last (by business time, then by position) among those that give one. The row
-- keeps that order's time and position, so that the order of arrival does not matter. While no order has given a name,
-- they are the least time and position 0.

CREATE TABLE customers (
    customer_id      TEXT    NOT NULL PRIMARY KEY,
    name             TEXT,
    named_at         INTEGER NOT NULL,
    named_position   INTEGER NOT NULL,
    orders           INTEGER NOT NULL,      -- placed and not cancelled
    cancelled_orders INTEGER NOT NULL,
    first_order_at   INTEGER NOT NULL,      -- placed, cancelled later or not
    last_order_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE customer_lifetimes (
    customer_id TEXT    NOT NULL,
    currency    TEXT    NOT NULL,
    amount_high INTEGER NOT NULL,           -- amount in minor units = high * 1 000 000 000 + low
    amount_low  INTEGER NOT NULL,
    PRIMARY KEY (customer_id, currency)
) STRICT, WITHOUT ROWID;
