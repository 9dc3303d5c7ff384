-- Roles with least rights for the event store. Run it in the log's database, as the owner of the log or a superuser,
-- after a program with that owner's rights has opened the log once (and so created or migrated it); run it again after
-- every migration:
--
--     psql --dbname=orderlog_events --file=deploy/postgres/event-store-roles.sql
--
-- Then make a login for each program, e.g.
--
--     CREATE ROLE command_service LOGIN PASSWORD '…' IN ROLE orderlog_append;
--
--   orderlog_append  command-service: appends and reads. Cannot change or remove an event, nor take a lease.
--   orderlog_relay   relay: reads, and holds its lease with its checkpoint. Cannot append.
--   orderlog_process a program that reacts to events by appending, under a lease: has the rights of the two above.
--   orderlog_read    a projector that follows the log, verify, people: reads.

-- Roles belong to the server, not to a database: a session in another database may create the same ones at the same moment.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['orderlog_append', 'orderlog_relay', 'orderlog_process', 'orderlog_read'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    BEGIN
        IF NOT pg_has_role('orderlog_process', 'orderlog_append', 'MEMBER')
            OR NOT pg_has_role('orderlog_process', 'orderlog_relay', 'MEMBER') THEN
            GRANT orderlog_append, orderlog_relay TO orderlog_process;
        END IF;
    EXCEPTION WHEN unique_violation THEN
        NULL;
    END;
END
$$;

REVOKE ALL ON SCHEMA event_store FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA event_store FROM PUBLIC, orderlog_append, orderlog_relay, orderlog_read;

GRANT USAGE ON SCHEMA event_store TO orderlog_append, orderlog_relay, orderlog_read;
GRANT SELECT ON ALL TABLES IN SCHEMA event_store TO orderlog_append, orderlog_relay, orderlog_read;
-- Only command-service reads the answers kept for clients.
REVOKE SELECT ON event_store.idempotency FROM orderlog_relay, orderlog_read;

GRANT INSERT ON event_store.events TO orderlog_append;
GRANT UPDATE ON event_store.log_head TO orderlog_append;
GRANT INSERT, DELETE, UPDATE ON event_store.idempotency TO orderlog_append;
GRANT INSERT, UPDATE ON event_store.snapshots TO orderlog_append;
GRANT INSERT ON event_store.sealing TO orderlog_append;

GRANT INSERT, UPDATE ON event_store.leases TO orderlog_relay;
