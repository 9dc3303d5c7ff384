-- Projection `vouchers`: each voucher's present state.
CREATE TABLE vouchers (
    voucher_id uuid   NOT NULL PRIMARY KEY,
    version    bigint NOT NULL,
    status     text   NOT NULL,
    amount     bigint NOT NULL              -- minor units
);
