-- Projection `products`: what has sold, without cancelled orders. The name is that of the product's last line in the
-- order placed last (by business time, then by position), even if that order was cancelled later. The row keeps that
-- order's time and position.

CREATE TABLE products (
    product_id text COLLATE "C" NOT NULL PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    named_at   bigint NOT NULL,
    named_position bigint NOT NULL,
    orders     bigint NOT NULL,
    units      bigint NOT NULL
);
CREATE INDEX products_by_units ON products (units, product_id);

CREATE TABLE product_sales (
    product_id text COLLATE "C" NOT NULL,
    currency   text COLLATE "C" NOT NULL,
    orders     bigint NOT NULL,
    units      bigint NOT NULL,
    revenue_high bigint NOT NULL,          -- revenue in minor units = high * 1 000 000 000 + low
    revenue_low bigint NOT NULL,
    PRIMARY KEY (product_id, currency)
);
CREATE INDEX product_sales_by_units   ON product_sales (currency, units, product_id);
CREATE INDEX product_sales_by_revenue ON product_sales (currency, revenue_high, revenue_low, product_id);
