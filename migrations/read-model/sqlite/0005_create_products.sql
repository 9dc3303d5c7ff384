-- Projection `products`: what has sold, without cancelled orders. The name is that of the product's last line in the
-- order placed last (by business time, then by position), even if that order was cancelled later. The row keeps that
-- order's time and position.

CREATE TABLE products (
    product_id TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    named_at   INTEGER NOT NULL,
    named_position INTEGER NOT NULL,
    orders     INTEGER NOT NULL,
    units      INTEGER NOT NULL
) STRICT;
CREATE INDEX products_by_units ON products (units, product_id);

CREATE TABLE product_sales (
    product_id TEXT    NOT NULL,
    currency   TEXT    NOT NULL,
    orders     INTEGER NOT NULL,
    units      INTEGER NOT NULL,
    revenue_high INTEGER NOT NULL,          -- revenue in minor units = high * 1 000 000 000 + low
    revenue_low INTEGER NOT NULL,
    PRIMARY KEY (product_id, currency)
) STRICT, WITHOUT ROWID;
CREATE INDEX product_sales_by_units   ON product_sales (currency, units, product_id);
CREATE INDEX product_sales_by_revenue ON product_sales (currency, revenue_high, revenue_low, product_id);
