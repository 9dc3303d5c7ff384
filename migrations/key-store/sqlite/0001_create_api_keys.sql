-- API keys, by the hash of their secret, and their use.
--
-- A key is made, perhaps revoked, and nothing else: neither its rights nor its secret ever change. key_revision rises
-- with each change, so that servers notice one by reading a single number.
PRAGMA application_id = 0x6f6c6f6b; -- 'olok': distinguishes this file from other SQLite files

CREATE TABLE api_keys (
    id         TEXT    PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    role       TEXT    NOT NULL CHECK (role IN ('customer', 'staff', 'import', 'operator', 'admin')),
    customer   TEXT    CHECK ((role = 'customer') = (customer IS NOT NULL)),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32), -- SHA-256 of the secret
    created_at INTEGER NOT NULL,                           -- microseconds since 1970, as all times here
    expires_at INTEGER,                                    -- NULL: never
    revoked_at INTEGER                                     -- NULL: in force
) STRICT;

-- An actor names one key in force; the name of a revoked one may be given again.
CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;

CREATE TABLE api_key_uses (
    key_id    TEXT    NOT NULL REFERENCES api_keys (id),
    day       TEXT    NOT NULL, -- 2026-03-03, in UTC
    requests  INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_revision (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO key_revision VALUES (1, 0);

CREATE TRIGGER api_keys_made AFTER INSERT ON api_keys
BEGIN
    UPDATE key_revision SET revision = revision + 1;
END;

CREATE TRIGGER api_keys_revoked AFTER UPDATE ON api_keys
BEGIN
    UPDATE key_revision SET revision = revision + 1;
END;

CREATE TRIGGER api_keys_are_only_revoked BEFORE UPDATE ON api_keys
WHEN OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL
    OR (NEW.id, NEW.name, NEW.role, NEW.customer, NEW.hash, NEW.created_at, NEW.expires_at)
        IS NOT (OLD.id, OLD.name, OLD.role, OLD.customer, OLD.hash, OLD.created_at, OLD.expires_at)
BEGIN
    SELECT RAISE(ABORT, 'an API key is revoked once, and nothing else of it changes');
END;

CREATE TRIGGER api_keys_are_kept BEFORE DELETE ON api_keys
BEGIN
    SELECT RAISE(ABORT, 'API keys are revoked, never deleted');
END;
