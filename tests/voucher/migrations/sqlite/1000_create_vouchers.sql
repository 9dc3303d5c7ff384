-- Projection `vouchers`: each voucher's present state.
CREATE TABLE vouchers (
    voucher_id BLOB    NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    status     TEXT    NOT NULL,
    amount     INTEGER NOT NULL             -- minor units
) STRICT;
