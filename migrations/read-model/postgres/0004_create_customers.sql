-- Projection `customers`: what each customer has ordered.
-- The name is that of the order placed last (by business time, then by position) among those that give one. The row
-- keeps that order's time and position, so that the order of arrival does not matter. While no order has given a name,
-- they are the least time and position 0.

CREATE TABLE customers (
    customer_id      text COLLATE "C" NOT NULL PRIMARY KEY,
    name             text COLLATE "C",
    named_at         bigint NOT NULL,
    named_position   bigint NOT NULL,
    orders           bigint NOT NULL,      -- placed and not cancelled
    cancelled_orders bigint NOT NULL,
    first_order_at   bigint NOT NULL,      -- placed, cancelled later or not
    last_order_at    bigint NOT NULL
);

CREATE TABLE customer_lifetimes (
    customer_id text COLLATE "C" NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    amount_high bigint NOT NULL,           -- amount in minor units = high * 1 000 000 000 + low
    amount_low  bigint NOT NULL,
    PRIMARY KEY (customer_id, currency)
);
