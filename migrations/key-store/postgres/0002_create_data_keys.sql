-- The keys that texts about people are sealed with, wrapped by a master key that is kept elsewhere.
--
-- A key is made in advance and has no customer until the log's events say whose it is. It is wrapped once more when the
-- master key changes, and destroyed when its customer's data are erased: then nothing opens what it sealed, wherever that was
-- copied to.
CREATE TABLE data_keys (
    id           bytea  PRIMARY KEY CHECK (length(id) = 16),
    master       bytea  CHECK (length(master) = 8),    -- which master key wraps it
    wrapped      bytea  CHECK (length(wrapped) >= 60), -- NULL: destroyed
    customer     text COLLATE "C",                     -- NULL: no event that was followed has used it
    made_at      bigint NOT NULL,
    destroyed_at bigint,
    CHECK ((wrapped IS NULL) = (master IS NULL)),
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX data_keys_of_customer ON data_keys (customer) WHERE customer IS NOT NULL;
CREATE INDEX data_keys_destroyed ON data_keys (destroyed_at) WHERE destroyed_at IS NOT NULL;
CREATE INDEX data_keys_of_master ON data_keys (master, id) WHERE master IS NOT NULL;

CREATE FUNCTION refuse_data_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a data key gets its customer once, is destroyed once, and then never changes; its row stays'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER data_keys_keep_what_they_are BEFORE UPDATE ON data_keys
    FOR EACH ROW WHEN (
        NEW.id IS DISTINCT FROM OLD.id OR NEW.made_at IS DISTINCT FROM OLD.made_at OR OLD.destroyed_at IS NOT NULL
        OR (OLD.customer IS NOT NULL AND NEW.customer IS DISTINCT FROM OLD.customer)
    ) EXECUTE FUNCTION refuse_data_key_change();
ALTER TABLE data_keys ENABLE ALWAYS TRIGGER data_keys_keep_what_they_are;

CREATE TRIGGER data_keys_are_kept BEFORE DELETE ON data_keys
    FOR EACH ROW EXECUTE FUNCTION refuse_data_key_change();
ALTER TABLE data_keys ENABLE ALWAYS TRIGGER data_keys_are_kept;

-- Servers notice a destroyed key as they notice a revoked one.
CREATE TRIGGER data_keys_changed AFTER UPDATE ON data_keys
    FOR EACH ROW WHEN (NEW.destroyed_at IS NOT NULL) EXECUTE FUNCTION raise_key_revision();
ALTER TABLE data_keys ENABLE ALWAYS TRIGGER data_keys_changed;

-- What the log says of each customer, as far as it was followed.
CREATE TABLE customers (
    id        text COLLATE "C" PRIMARY KEY,
    orders    bigint NOT NULL CHECK (orders >= 0),
    plain     bigint NOT NULL CHECK (plain >= 0), -- events with texts that were not sealed
    erased_at bigint
);

CREATE TABLE followed (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    position bigint  NOT NULL CHECK (position >= 0)
);
INSERT INTO followed VALUES (1, 0);

CREATE FUNCTION refuse_going_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is followed forwards' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER followed_goes_on BEFORE UPDATE ON followed
    FOR EACH ROW WHEN (NEW.position <= OLD.position) EXECUTE FUNCTION refuse_going_back();
ALTER TABLE followed ENABLE ALWAYS TRIGGER followed_goes_on;
