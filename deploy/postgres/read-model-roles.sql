-- Rights in the views' database, by a superuser, before there is any table. The projector owns the tables (a rebuild makes, renames and drops them); the query
-- service reads whatever the projector makes, and nothing else can be done by it.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO orderlog_project;
GRANT USAGE ON SCHEMA public TO orderlog_query;
ALTER DEFAULT PRIVILEGES FOR ROLE orderlog_project IN SCHEMA public GRANT SELECT ON TABLES TO orderlog_query;
