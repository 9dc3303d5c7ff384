-- Projection `customers`: what each customer has ordered.

CREATE TABLE customers (
    customer_id      TEXT    NOT NULL PRIMARY KEY,
    name             TEXT,
    orders           INTEGER NOT NULL,      -- placed and not cancelled
    cancelled_orders INTEGER NOT NULL,
    first_order_at   INTEGER NOT NULL,      -- placed, cancelled later or not
    last_order_at    INTEGER NOT NULL
);

CREATE TABLE customer_lifetimes (
    customer_id TEXT    NOT NULL,
    currency    TEXT    NOT NULL,
    amount      INTEGER NOT NULL,
    PRIMARY KEY (customer_id, currency)
) WITHOUT ROWID;
