//! Values and connections that cases are written with.

use event_store::{
    Access, Append, AppendError, Appended, Entry, EventStore, KeyedAnswer, Metadata, NewEvent,
    RecordedEvent, StreamId, StreamType, Timestamp, Version,
};
use rig::postgres::{Database, database_or_say};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use uuid::Uuid;

pub const UNTESTED: &str = "the event store on PostgreSQL";

pub async fn database() -> Option<Database> {
    database_or_say(UNTESTED).await
}

pub async fn open(url: &str) -> EventStore {
    EventStore::open(url, Access::ReadWrite).await.unwrap()
}

/// The superuser's connection, past the store.
pub async fn raw(database: &Database) -> PgConnection {
    let options: PgConnectOptions = database.url().parse().unwrap();
    options.options([("search_path", "event_store")]).connect().await.unwrap()
}

pub async fn execute(connection: &mut PgConnection, sql: &str) -> Result<u64, sqlx::Error> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await?;
    Ok(done.rows_affected())
}

pub fn stream(number: u128) -> StreamId {
    StreamId { stream_type: StreamType::new("order"), id: Uuid::from_u128(number) }
}

/// Two events on a stream that is at `expected_version`, with an answer under a key of their own.
pub fn entry(number: u128, expected_version: Version) -> Entry {
    let event = |nth: u8| NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "NoteAdded",
        schema_version: 1,
        occurred_at: Timestamp::UNIX_EPOCH,
        payload: format!(r#"{{"nth":{nth}}}"#).into_bytes(),
    };
    let answer = KeyedAnswer {
        key: format!("{number}/{expected_version}"),
        fingerprint: [7; 32],
        answer: b"answer".to_vec(),
        permanent: false,
    };
    Entry {
        stream: stream(number),
        expected_version,
        partition_key: None,
        events: vec![event(1), event(2)],
        metadata: Metadata::default(),
        answer: Some(answer),
        joint: None,
    }
}

/// The answer alone.
pub fn without_events(entry: Entry) -> Entry {
    Entry { events: Vec::new(), ..entry }
}

pub async fn append(store: &EventStore, entry: Entry) -> Result<Appended, AppendError> {
    store.append(Append { entries: vec![entry], recorded_at: chrono::Utc::now() }).await
}

/// As [`append`], without a task: several in one task arrive in the order in which they are polled.
pub async fn append_staying(store: &EventStore, entry: Entry) -> Result<Appended, AppendError> {
    store.append_staying(Append { entries: vec![entry], recorded_at: chrono::Utc::now() }).await
}

/// The whole log; sound, or the case fails.
pub async fn sound_log(store: &EventStore) -> Vec<RecordedEvent> {
    let mut log: Vec<RecordedEvent> = Vec::new();
    loop {
        let after = log.last().map_or(0, |event| event.position);
        let page = store.read_feed(after, 1_000).await.unwrap();
        if page.is_empty() {
            break;
        }
        log.extend(page);
    }
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
    log
}
