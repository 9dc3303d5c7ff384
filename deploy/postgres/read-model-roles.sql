-- Rights in the views' database. Run by a superuser before there is any table. The projector owns the tables (a rebuild
-- creates, renames and drops them); the query service can only read the projector's tables.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO orderlog_project;
GRANT USAGE ON SCHEMA public TO orderlog_query;
ALTER DEFAULT PRIVILEGES FOR ROLE orderlog_project IN SCHEMA public GRANT SELECT ON TABLES TO orderlog_query;
