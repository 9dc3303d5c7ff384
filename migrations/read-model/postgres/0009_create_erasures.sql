-- When the personal data of customers were erased last, in each projection that shows it. An order was erased if it began
-- before that: it is compared when it is read. So an erasure writes one row, however many orders there are, and it does
-- not matter whether it comes before or after the events of an order.

-- The position of the order's first event.
ALTER TABLE orders ADD COLUMN begun_position bigint NOT NULL DEFAULT 0;

-- Projection `orders`.
CREATE TABLE order_erasures (
    customer_id text COLLATE "C" NOT NULL PRIMARY KEY,
    position    bigint NOT NULL,           -- of the event
    erased_at   bigint NOT NULL            -- microseconds since 1970
);

-- Projection `customers`. A name that an order gave before the erasure is null.
CREATE TABLE customer_erasures (
    customer_id text COLLATE "C" NOT NULL PRIMARY KEY,
    position    bigint NOT NULL,           -- of the event
    erased_at   bigint NOT NULL            -- microseconds since 1970
);

-- Rows that were kept for a rollback, or were being filled, lack the new column; both projections are rebuilt.
DELETE FROM kept_generations WHERE name IN ('orders', 'customers');
DELETE FROM rebuilds WHERE name IN ('orders', 'customers');
