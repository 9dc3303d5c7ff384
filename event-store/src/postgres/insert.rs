//! The rows of an append: one statement, an array for each column.
//!
//! A row that is there already, or whose place is taken, does not go in and is not counted: the caller compares the
//! count. Very large appends go in by several statements, so that none outgrows what a message may hold.

use crate::plan::{EventRow, Plan};
use crate::row::signed;
use sqlx::PgConnection;

/// One statement ends with so many rows,
const MAX_ROWS: usize = 4_096;
/// or with the row that brings its payloads to so many bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

pub(super) async fn insert_events(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
) -> sqlx::Result<u64> {
    let recorded_at = plan.head.recorded_at.timestamp_micros();
    let (mut inserted, mut rows) = (0, &plan.events[..]);
    while !rows.is_empty() {
        let (now, later) = rows.split_at(statement_rows(rows));
        inserted += insert(connection, now, recorded_at).await?;
        rows = later;
    }
    Ok(inserted)
}

/// How many of the rows go in by one statement; at least one.
fn statement_rows(rows: &[EventRow<'_>]) -> usize {
    let mut bytes = 0;
    let fitting = rows.iter().take(MAX_ROWS).take_while(|row| {
        let fits = bytes < MAX_BYTES;
        bytes += row.event.payload.len();
        fits
    });
    fitting.count()
}

/// Inserts rows whose positions follow one another; how many went in.
async fn insert(
    connection: &mut PgConnection,
    rows: &[EventRow<'_>],
    recorded_at: i64,
) -> sqlx::Result<u64> {
    let Some(first) = rows.first() else { return Ok(0) };
    let payloads: Result<Vec<&str>, _> =
        rows.iter().map(|row| str::from_utf8(&row.event.payload)).collect();
    let metadata = column(rows, |row| &row.entry.metadata);
    let inserted = sqlx::query(
        "INSERT INTO events (position, recorded_at, stream_id, version, event_id, occurred_at,
             schema_version, stream_type, event_type, correlation_id, causation_id, traceparent,
             actor, payload, hash)
         SELECT $1 + nth, $2, stream_id, version, event_id, occurred_at, schema_version,
             stream_type, event_type, correlation_id, causation_id, traceparent, actor,
             payload::json, hash
         FROM UNNEST($3::uuid[], $4::bigint[], $5::uuid[], $6::bigint[], $7::bigint[], $8::text[],
             $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
             $15::bytea[])
             WITH ORDINALITY AS row (stream_id, version, event_id, occurred_at, schema_version,
                 stream_type, event_type, correlation_id, causation_id, traceparent, actor,
                 payload, hash, nth)
         ON CONFLICT DO NOTHING",
    )
    .bind(signed(first.position) - 1)
    .bind(recorded_at)
    .bind(column(rows, |row| row.entry.stream.id))
    .bind(column(rows, |row| signed(row.version)))
    .bind(column(rows, |row| row.event.event_id))
    .bind(column(rows, |row| row.event.occurred_at.timestamp_micros()))
    .bind(column(rows, |row| i64::from(row.event.schema_version)))
    .bind(column(rows, |row| row.entry.stream.stream_type))
    .bind(column(rows, |row| row.event.event_type))
    .bind(column(&metadata, |known| known.correlation_id.as_deref()))
    .bind(column(&metadata, |known| known.causation_id.as_deref()))
    .bind(column(&metadata, |known| known.traceparent.as_deref()))
    .bind(column(&metadata, |known| known.actor.as_deref()))
    .bind(payloads.map_err(|error| sqlx::Error::Encode(error.into()))?)
    .bind(column(rows, |row| &row.hash[..]))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected())
}

pub(super) async fn insert_answers(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
) -> sqlx::Result<u64> {
    let stored_at = plan.head.recorded_at.timestamp_micros();
    let mut inserted = 0;
    for rows in plan.answers.chunks(MAX_ROWS) {
        let done = sqlx::query(
            "INSERT INTO idempotency (key, fingerprint, answer, first_position, stored_at, permanent)
             SELECT key, fingerprint, answer, first_position, $1, permanent
             FROM UNNEST($2::text[], $3::bytea[], $4::bytea[], $5::bigint[], $6::boolean[])
                 AS row (key, fingerprint, answer, first_position, permanent)
             ON CONFLICT DO NOTHING",
        )
        .bind(stored_at)
        .bind(column(rows, |row| row.answer.key.as_str()))
        .bind(column(rows, |row| &row.answer.fingerprint[..]))
        .bind(column(rows, |row| row.answer.answer.as_slice()))
        .bind(column(rows, |row| signed(row.first_position)))
        .bind(column(rows, |row| row.answer.permanent))
        .execute(&mut *connection)
        .await?;
        inserted += done.rows_affected();
    }
    Ok(inserted)
}

fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
