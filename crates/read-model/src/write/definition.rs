//! How the tables of a new generation get the definition of the live ones: from the schema itself, which each backend
//! describes in its own way. Names come from the program and from the schema, never from outside.
//!
//! On PostgreSQL, an index that only readers need is built after the rows. That takes a fraction of the time and blocks
//! no writer. On SQLite it would block every writer meanwhile, so there all indexes grow with the rows.

use crate::db::{ReadModel, ReadModelError, Sql, Tables, WriteTx, postgres_transaction, writer};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The live table's indexes that a new table lacks: the definition after the table's name, and a short name for it.
const LACKING: &str = "WITH indexes AS (SELECT indrelid, substr(definition, strpos(definition, ' USING ')) AS rest \
     FROM (SELECT indrelid, pg_get_indexdef(indexrelid) AS definition FROM pg_index \
     WHERE indrelid IN (CAST($1 AS regclass), CAST($2 AS regclass)) AND NOT indisunique) AS defined) \
     SELECT rest, left(md5(rest), 8) FROM indexes WHERE indrelid = CAST($1 AS regclass) AND rest NOT IN \
     (SELECT rest FROM indexes WHERE indrelid = CAST($2 AS regclass)) ORDER BY rest";

impl ReadModel {
    /// Builds the indexes that tables of a new generation lack. Call it when the tables are nearly full, before the
    /// swap. Other writers go on meanwhile.
    ///
    /// # Errors
    /// When the handle is read-only or the storage refuses; indexes built before that stay.
    pub async fn complete_indexes(
        &self,
        tables: &[&'static str],
        generation: u64,
    ) -> Result<(), ReadModelError> {
        let Self::Postgres(model) = self else { return Ok(()) };
        let mut connection =
            postgres_transaction::connect_patiently(writer(&model.writer)?).await?;
        for table in tables {
            build_lacking(&mut connection, table, &Tables::Shadow(generation).name(table)).await?;
        }
        Ok(connection.close().await?)
    }
}

/// Builds the live table's indexes that `new` lacks.
async fn build_lacking(connection: &mut PgConnection, live: &str, new: &str) -> sqlx::Result<()> {
    let lacking: Vec<(String, String)> =
        sqlx::query_as(LACKING).bind(live).bind(new).fetch_all(&mut *connection).await?;
    for (rest, short) in lacking {
        let sql = format!("CREATE INDEX \"{new}_{short}\" ON \"{new}\"{rest}");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

impl WriteTx {
    /// The numbers of all generations of a table that are not live.
    pub(crate) async fn generations_of(&mut self, table: &str) -> Result<Vec<u64>, ReadModelError> {
        let prefix = format!("{table}__g");
        let sql = match self {
            Self::Sqlite(_) => {
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, length($1)) = $1"
            }
            Self::Postgres(_) => {
                "SELECT tablename::text FROM pg_tables \
                 WHERE schemaname = current_schema() AND starts_with(tablename::text, $1)"
            }
        };
        let names: Vec<(String,)> = self.rows(Sql::new(sql).bind(&prefix)).await?;
        Ok(names.iter().filter_map(|(name,)| name[prefix.len()..].parse().ok()).collect())
    }

    /// Creates an empty table like the live one, for another generation.
    pub(crate) async fn copy_definition(
        &mut self,
        table: &str,
        generation: u64,
    ) -> Result<(), ReadModelError> {
        let name = Tables::Shadow(generation).name(table);
        match self {
            Self::Sqlite(_) => {
                for sql in self.definitions(table, &name, generation).await? {
                    self.ddl(sql).await?;
                }
                Ok(())
            }
            Self::Postgres(_) => {
                self.ddl(format!("CREATE TABLE \"{name}\" (LIKE \"{table}\" INCLUDING ALL)"))
                    .await?;
                self.drop_indexes_of_readers(&name).await?;
                self.copy_grants(table, &name).await
            }
        }
    }

    /// The statements that create `table` and its indexes under the names of another generation, on SQLite.
    async fn definitions(
        &mut self,
        table: &str,
        name: &str,
        generation: u64,
    ) -> Result<Vec<String>, ReadModelError> {
        let sql = "SELECT type, name, sql FROM sqlite_schema \
             WHERE tbl_name = $1 AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC";
        let found: Vec<(String, String, String)> = self.rows(Sql::new(sql).bind(table)).await?;
        let definitions = found.iter().map(|(kind, index, sql)| {
            let columns = sql.find('(').map(|at| &sql[at..]);
            let columns = columns.ok_or_else(|| {
                ReadModelError::Corrupt(format!("{table} has an unknown definition"))
            })?;
            Ok(match kind.as_str() {
                "table" => format!("CREATE TABLE \"{name}\" {columns}"),
                _ => {
                    let unique = if sql.starts_with("CREATE UNIQUE") { "UNIQUE " } else { "" };
                    let plain = index.split("__g").next().unwrap_or(index);
                    format!(
                        "CREATE {unique}INDEX \"{plain}__g{generation}\" ON \"{name}\" {columns}"
                    )
                }
            })
        });
        definitions.collect()
    }

    async fn drop_indexes_of_readers(&mut self, table: &str) -> Result<(), ReadModelError> {
        let sql = "SELECT indexrelid::regclass::text FROM pg_index \
             WHERE indrelid = CAST($1 AS regclass) AND NOT indisunique";
        let indexes: Vec<(String,)> = self.rows(Sql::new(sql).bind(table)).await?;
        for (index,) in indexes {
            self.ddl(format!("DROP INDEX {index}")).await?;
        }
        Ok(())
    }

    /// Grants on the new table, which will replace the live one, all rights on that one.
    async fn copy_grants(&mut self, table: &str, name: &str) -> Result<(), ReadModelError> {
        let sql = "SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, privilege_type \
             FROM pg_class, aclexplode(relacl) WHERE oid = CAST($1 AS regclass) AND grantee <> relowner";
        let grants: Vec<(String, String)> = self.rows(Sql::new(sql).bind(table)).await?;
        for (grantee, privilege) in grants {
            self.ddl(format!("GRANT {privilege} ON \"{name}\" TO {grantee}")).await?;
        }
        Ok(())
    }

    /// Builds the indexes that a new table still lacks; usually there are none. Then collects PostgreSQL's statistics,
    /// which its planner needs and a new table does not have. SQLite keeps none.
    pub(crate) async fn take_stock(
        &mut self,
        table: &str,
        generation: u64,
    ) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(tx) => {
                let name = Tables::Shadow(generation).name(table);
                build_lacking(tx.connection().await?, table, &name).await?;
                self.ddl(format!("ANALYZE \"{name}\"")).await
            }
        }
    }
}
