-- API keys, by the hash of their secret, and their use.
--
-- A key is made, perhaps revoked, and nothing else: neither its rights nor its secret ever change. key_revision rises
-- with each change, so that servers notice one by reading a single number.
CREATE TABLE api_keys (
    id         text COLLATE "C" PRIMARY KEY CHECK (length(id) = 16),
    name       text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    role       text COLLATE "C" NOT NULL CHECK (role IN ('customer', 'staff', 'import', 'operator', 'admin')),
    customer   text COLLATE "C" CHECK ((role = 'customer') = (customer IS NOT NULL)),
    hash       bytea  NOT NULL CHECK (length(hash) = 32), -- SHA-256 of the secret
    created_at bigint NOT NULL,                           -- microseconds since 1970, as all times here
    expires_at bigint,                                    -- NULL: never
    revoked_at bigint                                     -- NULL: in force
);

-- An actor names one key in force; the name of a revoked one may be given again.
CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;

CREATE TABLE api_key_uses (
    key_id    text COLLATE "C" NOT NULL REFERENCES api_keys (id),
    day       text COLLATE "C" NOT NULL, -- 2026-03-03, in UTC
    requests  bigint NOT NULL,
    last_used bigint NOT NULL,
    PRIMARY KEY (key_id, day)
);

CREATE TABLE key_revision (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    revision bigint  NOT NULL
);
INSERT INTO key_revision VALUES (1, 0);

CREATE FUNCTION raise_key_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE key_revision SET revision = revision + 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER api_keys_changed AFTER INSERT OR UPDATE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION raise_key_revision();
ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_changed;

CREATE FUNCTION refuse_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an API key is revoked once, and nothing else of it changes'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER api_keys_are_only_revoked BEFORE UPDATE ON api_keys
    FOR EACH ROW WHEN (
        OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL
        OR (NEW.id, NEW.name, NEW.role, NEW.customer, NEW.hash, NEW.created_at, NEW.expires_at)
            IS DISTINCT FROM
           (OLD.id, OLD.name, OLD.role, OLD.customer, OLD.hash, OLD.created_at, OLD.expires_at)
    ) EXECUTE FUNCTION refuse_key_change();
ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_are_only_revoked;

CREATE TRIGGER api_keys_are_kept BEFORE DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION refuse_key_change();
ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_are_kept;
