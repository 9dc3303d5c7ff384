-- Projection `vouchers`: each voucher as it stands.
CREATE TABLE vouchers (
    voucher_id uuid   NOT NULL PRIMARY KEY,
    version    bigint NOT NULL,
    status     text   NOT NULL,
    amount     bigint NOT NULL              -- minor units
);
