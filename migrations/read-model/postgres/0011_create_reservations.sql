-- Projection `reservations`: what each reservation holds, or why it holds nothing. Times are microseconds since 1970.

CREATE TABLE reservations (
    reservation_id uuid   NOT NULL PRIMARY KEY,
    order_id       uuid,                    -- null: for no order
    status         text COLLATE "C" NOT NULL,           -- soft | firm | refused | released | expired | committed
    lines          text   NOT NULL,           -- JSON: what it holds, or held until it ended
    wanted         text   NOT NULL,           -- JSON: what was asked for
    short          text   NOT NULL,           -- JSON: of which there was too little
    expires_at     bigint,                    -- null: never
    version        bigint NOT NULL,
    position       bigint NOT NULL,
    begun_position bigint NOT NULL,           -- of its first event
    made_at        bigint NOT NULL,           -- when its first event happened
    updated_at     bigint NOT NULL            -- when its last event happened
);
CREATE INDEX reservations_by_expiry ON reservations (expires_at, reservation_id) WHERE status = 'soft';
CREATE INDEX reservations_by_order  ON reservations (order_id);

-- The items that soft reservations hold units of, so that an item that is short can name those to release. A reservation
-- that is firm, or has ended, has no rows here.
CREATE TABLE reservation_holds (
    item_id        uuid   NOT NULL,
    begun_position bigint NOT NULL,           -- of the reservation
    reservation_id uuid   NOT NULL,
    PRIMARY KEY (item_id, begun_position, reservation_id)
);
