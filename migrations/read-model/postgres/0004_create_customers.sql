-- Projection `customers`: what each customer has ordered.

CREATE TABLE customers (
    customer_id      text COLLATE "C" NOT NULL PRIMARY KEY,
    name             text COLLATE "C",
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
