//! The rows of an append: one statement, an array for each column. Arrays are unnested where columns are selected, which
//! hands rows on one by one; in FROM they would all be written into a store of each column first.
//!
//! A row that is there already, or whose place is taken, does not go in and is not counted: the caller compares the
//! count. Very large appends go in by several statements, so that none outgrows what a message may hold. The fast
//! path goes in whole, with the head, or not at all: its statement compares the counts itself.

use crate::plan::{AnswerRow, EventRow, Plan};
use crate::row::signed;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres};

/// One statement ends with this many rows,
const MAX_ROWS: usize = 4_096;
/// or with the row that brings its payloads to this many bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// `INSERT` of some events, as far as its rows: those that [`bind_events`] binds to `$1` … `$16`.
macro_rules! insert_events {
    ($only_if:literal) => {
        concat!(
            "INSERT INTO events (position, recorded_at, stream_id, version, event_id, occurred_at,
                 schema_version, stream_type, event_type, correlation_id, causation_id, traceparent,
                 actor, payload, hash, partition_key)
             SELECT position, recorded_at, stream_id, version, event_id, occurred_at, schema_version,
                 stream_type, event_type, correlation_id, causation_id, traceparent, actor,
                 payload::json, hash, partition_key
             FROM ",
            $only_if,
            "(SELECT UNNEST($1::bigint[]) AS position, UNNEST($2::bigint[]) AS recorded_at,
                 UNNEST($3::uuid[]) AS stream_id, UNNEST($4::bigint[]) AS version,
                 UNNEST($5::uuid[]) AS event_id, UNNEST($6::bigint[]) AS occurred_at,
                 UNNEST($7::bigint[]) AS schema_version, UNNEST($8::text[]) AS stream_type,
                 UNNEST($9::text[]) AS event_type, UNNEST($10::text[]) AS correlation_id,
                 UNNEST($11::text[]) AS causation_id, UNNEST($12::text[]) AS traceparent,
                 UNNEST($13::text[]) AS actor, UNNEST($14::text[]) AS payload,
                 UNNEST($15::bytea[]) AS hash, UNNEST($16::uuid[]) AS partition_key) AS row"
        )
    };
}

/// `INSERT` of some answers, as far as its rows: those that [`bind_answers`] binds to the columns.
macro_rules! insert_answers {
    ($only_if:literal, [$key:literal, $fingerprint:literal, $answer:literal, $first_position:literal,
        $stored_at:literal, $permanent:literal]) => {
        concat!(
            "INSERT INTO idempotency (key, fingerprint, answer, first_position, stored_at, permanent)
             SELECT key, fingerprint, answer, first_position, stored_at, permanent FROM ",
            $only_if,
            "(SELECT UNNEST(",
            $key,
            "::text[]) AS key, UNNEST(",
            $fingerprint,
            "::bytea[]) AS fingerprint, UNNEST(",
            $answer,
            "::bytea[]) AS answer, UNNEST(",
            $first_position,
            "::bigint[]) AS first_position, UNNEST(",
            $stored_at,
            "::bigint[]) AS stored_at, UNNEST(",
            $permanent,
            "::boolean[]) AS permanent) AS row"
        )
    };
}

/// The head's row first: it is locked, and must have the revision that the rest was planned on. If not, no row goes in,
/// and none is returned; a row that is there already is an error, and nothing goes in either. Should other numbers of
/// rows have gone in than were planned (`$27`, `$28`), the division by zero undoes all of the statement.
const ALL: &str = concat!(
    "WITH head AS (UPDATE log_head SET position = $23, hash = $24, recorded_at = $25, revision = $26 + 1
         WHERE only_row = 1 AND revision = $26 RETURNING only_row), events_stored AS (",
    insert_events!("head CROSS JOIN "),
    " RETURNING 1), answers_stored AS (",
    insert_answers!("head CROSS JOIN ", ["$17", "$18", "$19", "$20", "$21", "$22"]),
    " RETURNING 1)
     SELECT 1 / ((SELECT COUNT(*) FROM events_stored) = $27
         AND (SELECT COUNT(*) FROM answers_stored) = $28)::integer FROM head"
);

/// Whether the plan is small enough for [`insert_all`].
pub(super) fn fits_in_one_statement(plan: &Plan<'_>) -> bool {
    statement_rows(&plan.events) == plan.events.len() && plan.answers.len() <= MAX_ROWS
}

/// Events, answers and head by one statement, which commits by itself. False: the head had another revision.
pub(super) async fn insert_all(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
    revision: i64,
) -> sqlx::Result<bool> {
    let query = bind_events(sqlx::query(ALL), &plan.events)?;
    let query = bind_answers(query, &plan.answers)
        .bind(signed(plan.head.position))
        .bind(&plan.head.hash[..])
        .bind(plan.head.recorded_at.timestamp_micros())
        .bind(revision)
        .bind(signed(plan.events.len() as u64))
        .bind(signed(plan.answers.len() as u64));
    Ok(query.fetch_optional(connection).await?.is_some())
}

pub(super) async fn insert_events(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
) -> sqlx::Result<u64> {
    const SQL: &str = concat!(insert_events!(""), " ON CONFLICT DO NOTHING");
    let (mut inserted, mut rows) = (0, &plan.events[..]);
    while !rows.is_empty() {
        let (now, later) = rows.split_at(statement_rows(rows));
        let query = bind_events(sqlx::query(SQL), now)?;
        inserted += query.execute(&mut *connection).await?.rows_affected();
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

pub(super) async fn insert_answers(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
) -> sqlx::Result<u64> {
    const SQL: &str = concat!(
        insert_answers!("", ["$1", "$2", "$3", "$4", "$5", "$6"]),
        " ON CONFLICT DO NOTHING"
    );
    let mut inserted = 0;
    for rows in plan.answers.chunks(MAX_ROWS) {
        let query = bind_answers(sqlx::query(SQL), rows);
        inserted += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(inserted)
}

type BulkInsert<'q> = Query<'q, Postgres, PgArguments>;

/// The columns of some events.
fn bind_events<'q>(
    query: BulkInsert<'q>,
    rows: &'q [EventRow<'q>],
) -> sqlx::Result<BulkInsert<'q>> {
    let payloads: Result<Vec<&str>, _> =
        rows.iter().map(|row| str::from_utf8(&row.event.payload)).collect();
    let metadata = column(rows, |row| &row.entry.metadata);
    Ok(query
        .bind(column(rows, |row| signed(row.position)))
        .bind(column(rows, |row| row.recorded_at.timestamp_micros()))
        .bind(column(rows, |row| row.entry.stream.id))
        .bind(column(rows, |row| signed(row.version)))
        .bind(column(rows, |row| row.event.event_id))
        .bind(column(rows, |row| row.event.occurred_at.timestamp_micros()))
        .bind(column(rows, |row| i64::from(row.event.schema_version)))
        .bind(column(rows, |row| row.entry.stream.stream_type.as_str()))
        .bind(column(rows, |row| row.event.event_type))
        .bind(column(&metadata, |known| known.correlation_id.as_deref()))
        .bind(column(&metadata, |known| known.causation_id.as_deref()))
        .bind(column(&metadata, |known| known.traceparent.as_deref()))
        .bind(column(&metadata, |known| known.actor.as_deref()))
        .bind(payloads.map_err(|error| sqlx::Error::Encode(error.into()))?)
        .bind(column(rows, |row| &row.hash[..]))
        .bind(column(rows, |row| row.partition_key)))
}

/// The columns of some answers.
fn bind_answers<'q>(query: BulkInsert<'q>, rows: &'q [AnswerRow<'q>]) -> BulkInsert<'q> {
    query
        .bind(column(rows, |row| row.answer.key.as_str()))
        .bind(column(rows, |row| &row.answer.fingerprint[..]))
        .bind(column(rows, |row| row.answer.answer.as_slice()))
        .bind(column(rows, |row| signed(row.first_position)))
        .bind(column(rows, |row| row.stored_at.timestamp_micros()))
        .bind(column(rows, |row| row.answer.permanent))
}

fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::one;
    use crate::plan::{Found, plan};
    use crate::{Append, Head, KeyedAnswer, Timestamp};

    /// How many go in by the first statement, and whether all do.
    fn first(append: &Append) -> (usize, bool) {
        let head = Head { position: 0, hash: [0; 32], recorded_at: Timestamp::UNIX_EPOCH };
        let plan = plan(std::slice::from_ref(append), Found::default(), head);
        (statement_rows(&plan.events), fits_in_one_statement(&plan))
    }

    fn rows(number: usize, bytes: usize) -> Append {
        let mut append = one(1, bytes);
        append.entries[0].events = vec![append.entries[0].events.remove(0); number];
        append
    }

    #[test]
    fn a_statement_ends_at_its_bound_of_rows_or_with_the_row_that_reaches_its_bound_of_bytes() {
        assert_eq!(first(&rows(1, 1)), (1, true));
        assert_eq!(first(&rows(MAX_ROWS, 1)), (MAX_ROWS, true));
        assert_eq!(first(&rows(MAX_ROWS + 1, 1)), (MAX_ROWS, false));
        // A payload has two quotes around its text.
        let (half, more) = (MAX_BYTES / 2 - 2, MAX_BYTES / 2 - 1);
        assert_eq!(first(&rows(2, half)), (2, true));
        assert_eq!(first(&rows(3, half)), (2, false));
        assert_eq!(first(&rows(3, more)), (2, false));
        assert_eq!(first(&rows(3, half - 1)), (3, true));
    }

    #[test]
    fn answers_go_in_by_one_statement_up_to_a_number() {
        let mut append = one(1, 1);
        append.entries[0].events.clear();
        let empty = append.entries.remove(0);
        for (number, all) in [(MAX_ROWS, true), (MAX_ROWS + 1, false)] {
            append.entries.clear();
            for key in 0..number {
                let (key, fingerprint) = (key.to_string(), [0; 32]);
                let answer = KeyedAnswer { key, fingerprint, answer: vec![1], permanent: false };
                append.entries.push(crate::Entry { answer: Some(answer), ..empty.clone() });
            }
            assert_eq!(first(&append), (0, all));
        }
    }
}
