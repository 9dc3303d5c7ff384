-- Projection `reservations`: what each reservation holds, or why it holds nothing. Times are microseconds since 1970.

CREATE TABLE reservations (
    reservation_id BLOB    NOT NULL PRIMARY KEY,
    order_id       BLOB,                    -- null: for no order
    status         TEXT    NOT NULL,           -- soft | firm | refused | released | expired | committed
    lines          TEXT    NOT NULL,           -- JSON: what it holds, or held until it ended
    wanted         TEXT    NOT NULL,           -- JSON: what was asked for
    short          TEXT    NOT NULL,           -- JSON: of which there was too little
    expires_at     INTEGER,                    -- null: never
    version        INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    begun_position INTEGER NOT NULL,           -- of its first event
    made_at        INTEGER NOT NULL,           -- when its first event happened
    updated_at     INTEGER NOT NULL            -- when its last event happened
) STRICT;
CREATE INDEX reservations_by_expiry ON reservations (expires_at, reservation_id) WHERE status = 'soft';
CREATE INDEX reservations_by_order  ON reservations (order_id);

-- The items that soft reservations hold units of, so that an item that is short can name those to release. A reservation
-- that is firm, or has ended, has no rows here.
CREATE TABLE reservation_holds (
    item_id        BLOB    NOT NULL,
    begun_position INTEGER NOT NULL,           -- of the reservation
    reservation_id BLOB    NOT NULL,
    PRIMARY KEY (item_id, begun_position, reservation_id)
) STRICT, WITHOUT ROWID;
