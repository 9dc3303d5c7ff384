-- A role with least rights for the store of keys. Run it in that store's database, as its owner or a superuser, after
-- `orderlog keys list` with that owner's rights has made the store; run it again after every migration:
--
--     psql --dbname=orderlog_keys --file=deploy/postgres/key-store-roles.sql
--
--   orderlog_check_keys  every service: reads keys (hashes, never secrets) and notes their use. Cannot make or revoke one.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'orderlog_check_keys') THEN
        CREATE ROLE orderlog_check_keys NOLOGIN;
    END IF;
-- A session in another database of the server may have created it just now.
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;

REVOKE ALL ON SCHEMA key_store FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA key_store FROM PUBLIC, orderlog_check_keys;

GRANT USAGE ON SCHEMA key_store TO orderlog_check_keys;
GRANT SELECT ON key_store.api_keys, key_store.key_revision TO orderlog_check_keys;
GRANT SELECT, INSERT, UPDATE ON key_store.api_key_uses TO orderlog_check_keys;
