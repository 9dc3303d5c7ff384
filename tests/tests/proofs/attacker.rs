//! The attacker: edits the log's file past its triggers, and makes the hash chain and the head fit again.

use event_bytes::Fields;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use std::path::Path;

/// A change of the past.
pub struct Attack {
    pub name: &'static str,
    statements: &'static [&'static str],
    /// What `orderlog verify --checkpoint` says.
    pub finding: &'static str,
    /// What the Go program says.
    pub refusal: &'static str,
    /// Whether the log is shorter than the kept checkpoint.
    pub cuts: bool,
}

const OTHER_LOG: &str = "the log is not the one that was signed";
const OTHER_TREE: &str = "does not continue that of 15";

/// Events 1 to 15 are five orders of three events each, and the kept checkpoint covers them. Four more follow.
pub const ATTACKS: [Attack; 5] = [
    Attack {
        name: "a rewritten event",
        statements: &[
            "UPDATE events SET payload = replace(payload, 'note 1', 'note 7') WHERE position = 6",
        ],
        finding: OTHER_LOG,
        refusal: OTHER_TREE,
        cuts: false,
    },
    Attack {
        name: "a removed event",
        statements: &[
            "DELETE FROM events WHERE position = 6",
            "UPDATE events SET position = position - 1000 WHERE position > 6",
            "UPDATE events SET position = position + 999 WHERE position < 0",
        ],
        finding: OTHER_LOG,
        refusal: OTHER_TREE,
        cuts: false,
    },
    Attack {
        name: "an inserted event",
        statements: &[
            "UPDATE events SET position = position - 1000 WHERE position > 6",
            "INSERT INTO events SELECT 7, stream_type, stream_id, partition_key, version + 1, randomblob(16), event_type, \
             schema_version, occurred_at, recorded_at, correlation_id, causation_id, traceparent, actor, payload, hash \
             FROM events WHERE position = 6",
            "UPDATE events SET position = position + 1001 WHERE position < 0",
        ],
        finding: OTHER_LOG,
        refusal: OTHER_TREE,
        cuts: false,
    },
    Attack {
        name: "two events swapped",
        statements: &[
            "UPDATE events SET position = -1 WHERE position = 6",
            "UPDATE events SET position = 6 WHERE position = 7",
            "UPDATE events SET position = 7 WHERE position = -1",
            "UPDATE events SET recorded_at = (SELECT recorded_at FROM events WHERE position = 5) WHERE position IN (6, 7)",
        ],
        finding: OTHER_LOG,
        refusal: OTHER_TREE,
        cuts: false,
    },
    Attack {
        name: "the tail cut",
        statements: &["DELETE FROM events WHERE position > 12"],
        finding: "the log ends at position 12",
        refusal: "the log was cut: it had 15 events and has 12",
        cuts: true,
    },
];

const TRIGGERS: [&str; 6] = [
    "events_are_never_updated",
    "events_are_never_deleted",
    "events_are_never_replaced",
    "log_head_is_the_last_event",
    "log_head_is_never_replaced",
    "log_head_is_never_deleted",
];

/// Makes the change, a chain that fits, and a head that fits.
pub async fn strike(file: &Path, attack: &Attack) {
    let url = format!("sqlite://{}", file.display());
    let mut log = SqliteConnection::connect(&url).await.unwrap();
    let (definitions,): (String,) =
        sqlx::query_as("SELECT group_concat(sql, '; ') FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('events', 'log_head')")
            .fetch_one(&mut log)
            .await
            .unwrap();
    for trigger in TRIGGERS {
        run(&mut log, &format!("DROP TRIGGER {trigger}")).await;
    }
    for statement in attack.statements {
        assert!(run(&mut log, statement).await > 0, "{statement} changed nothing");
    }
    let all = sqlx::query("SELECT * FROM events ORDER BY position");
    let rows = all.fetch_all(&mut log).await.unwrap();
    let mut hash = [0; 32];
    for row in &rows {
        hash = chained(row, hash);
        sqlx::query("UPDATE events SET hash = $1 WHERE position = $2")
            .bind(&hash[..])
            .bind(row.get::<i64, _>("position"))
            .execute(&mut log)
            .await
            .unwrap();
    }
    let head = "UPDATE log_head SET position = (SELECT max(position) FROM events), \
                hash = (SELECT hash FROM events ORDER BY position DESC LIMIT 1)";
    run(&mut log, head).await;
    // Nobody sees that a hand has been here.
    sqlx::raw_sql(AssertSqlSafe(definitions)).execute(&mut log).await.unwrap();
    log.close().await.unwrap();
}

async fn run(log: &mut SqliteConnection, statement: &str) -> u64 {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(log).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}")).rows_affected()
}

/// The event's hash, from the hash before it.
fn chained(row: &SqliteRow, previous: [u8; 32]) -> [u8; 32] {
    let number = |column| u64::try_from(row.get::<i64, _>(column)).unwrap();
    let fields = Fields {
        position: number("position"),
        stream_type: row.get("stream_type"),
        stream_id: row.get("stream_id"),
        partition_key: row.get("partition_key"),
        version: number("version"),
        event_id: row.get("event_id"),
        event_type: row.get("event_type"),
        schema_version: u16::try_from(number("schema_version")).unwrap(),
        occurred_at: row.get("occurred_at"),
        recorded_at: row.get("recorded_at"),
        metadata: ["correlation_id", "causation_id", "traceparent", "actor"]
            .map(|name| row.get(name)),
        payload: row.get::<&str, _>("payload").as_bytes(),
    };
    let mut bytes = previous.to_vec();
    fields.write_head(&mut bytes);
    Sha256::new().chain_update(&bytes).chain_update(fields.payload).finalize().into()
}
