-- Roles with least rights for the store of keys. Run it in that store's database, as its owner or a superuser, after
-- `orderlog keys list` with that owner's rights has made the store; run it again after every migration:
--
--     psql --dbname=orderlog_keys --file=deploy/postgres/key-store-roles.sql
--
-- Then make a login for each program, e.g.
--
--     CREATE ROLE command_service LOGIN PASSWORD '…' IN ROLE orderlog_seal;
--
--   orderlog_check_keys  a service with --auth keys: reads API keys (hashes, never secrets) and notes their use. Cannot make
--                        or revoke one.
--   orderlog_open        query-service: the same, and reads data keys (wrapped; the master key is not in the store).
--   orderlog_seal        command-service: the same, and makes data keys, notes whose they are, and destroys them. Cannot
--                        remove one, give it to another customer, or wrap it by another master key.
--
-- `orderlog keys create`, `revoke` and `rotate-master` need the owner.
--
-- An erasure leaves the former row of a key to VACUUM. From PostgreSQL 17 orderlog_seal may run it (MAINTAIN). In earlier
-- versions only the owner may, so autovacuum is set to do it for this table within `autovacuum_naptime` (1 minute unless it
-- was changed). Who has turned autovacuum off must run `VACUUM key_store.data_keys` after erasures.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['orderlog_check_keys', 'orderlog_open', 'orderlog_seal'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        -- A session in another database of the server may have created it just now.
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

REVOKE ALL ON SCHEMA key_store FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA key_store FROM PUBLIC, orderlog_check_keys, orderlog_open, orderlog_seal;

GRANT USAGE ON SCHEMA key_store TO orderlog_check_keys, orderlog_open, orderlog_seal;
GRANT SELECT ON key_store.api_keys, key_store.key_revision TO orderlog_check_keys, orderlog_open, orderlog_seal;
GRANT SELECT, INSERT, UPDATE ON key_store.api_key_uses TO orderlog_check_keys, orderlog_open, orderlog_seal;

GRANT SELECT ON key_store.data_keys, key_store.request_key TO orderlog_open, orderlog_seal;
GRANT INSERT, UPDATE (customer, master, wrapped, destroyed_at) ON key_store.data_keys TO orderlog_seal;
-- Raised by the trigger when a key is destroyed.
GRANT UPDATE (revision) ON key_store.key_revision TO orderlog_seal;
GRANT SELECT, INSERT, UPDATE ON key_store.customers TO orderlog_seal;
GRANT SELECT, UPDATE (position, hash) ON key_store.followed TO orderlog_seal;
GRANT INSERT ON key_store.request_key TO orderlog_seal;
GRANT SELECT, INSERT, DELETE ON key_store.missing_keys TO orderlog_seal;

ALTER TABLE key_store.data_keys
    SET (autovacuum_enabled = true, autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        EXECUTE 'GRANT MAINTAIN ON key_store.data_keys TO orderlog_seal';
    END IF;
END
$$;
