-- The keys that texts about people are sealed with, wrapped by a master key that is kept elsewhere.
--
-- A key is made in advance and has no customer until the log's events say whose it is. It is wrapped once more when the
-- master key changes, and destroyed when its customer's data are erased: then nothing opens what it sealed, wherever that was
-- copied to.
CREATE TABLE data_keys (
    id           BLOB    PRIMARY KEY CHECK (length(id) = 16),
    master       BLOB    CHECK (length(master) = 8),    -- which master key wraps it
    wrapped      BLOB    CHECK (length(wrapped) >= 60), -- NULL: destroyed
    customer     TEXT,                                  -- NULL: no event that was followed has used it
    made_at      INTEGER NOT NULL,
    destroyed_at INTEGER,
    CHECK ((wrapped IS NULL) = (master IS NULL)),
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX data_keys_of_customer ON data_keys (customer) WHERE customer IS NOT NULL;
CREATE INDEX data_keys_destroyed ON data_keys (destroyed_at) WHERE destroyed_at IS NOT NULL;
CREATE INDEX data_keys_of_master ON data_keys (master, id) WHERE master IS NOT NULL;

CREATE TRIGGER data_keys_keep_what_they_are BEFORE UPDATE ON data_keys
WHEN NEW.id IS NOT OLD.id OR NEW.made_at IS NOT OLD.made_at OR OLD.destroyed_at IS NOT NULL
    OR (OLD.customer IS NOT NULL AND NEW.customer IS NOT OLD.customer)
BEGIN
    SELECT RAISE(ABORT, 'a data key gets its customer once, is destroyed once, and then never changes');
END;

CREATE TRIGGER data_keys_are_kept BEFORE DELETE ON data_keys
BEGIN
    SELECT RAISE(ABORT, 'data keys are destroyed, and their rows stay');
END;

-- Servers notice a destroyed key as they notice a revoked one.
CREATE TRIGGER data_keys_changed AFTER UPDATE ON data_keys
WHEN NEW.destroyed_at IS NOT NULL
BEGIN
    UPDATE key_revision SET revision = revision + 1;
END;

-- What the log says of each customer, as far as it was followed.
CREATE TABLE customers (
    id         TEXT    PRIMARY KEY,
    orders     INTEGER NOT NULL CHECK (orders >= 0),
    plain      INTEGER NOT NULL CHECK (plain >= 0), -- events with texts that were not sealed
    erased_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE followed (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    position INTEGER NOT NULL CHECK (position >= 0)
) STRICT;
INSERT INTO followed VALUES (1, 0);

CREATE TRIGGER followed_goes_on BEFORE UPDATE ON followed
WHEN NEW.position <= OLD.position
BEGIN
    SELECT RAISE(ABORT, 'the log is followed forwards');
END;
