//! Order documents by their ids, one or several: the hot path. Their texts are served as they were stored.

use super::{Seen, packed_rows};
use crate::db::{ReadModel, ReadModelError, Sql, loaded, padded};
use bytes::Bytes;
use uuid::Uuid;

/// An order document as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderText {
    /// The order's version, as in its `ETag`.
    pub version: u64,
    /// JSON, with an empty list of notes.
    pub document: Bytes,
    /// Its notes as JSON, oldest first, separated by commas; `None` when there are none.
    pub notes: Option<Bytes>,
    /// When the customer's personal data in it were erased, in microseconds.
    pub erased_at: Option<i64>,
}

/// An order among several that were read by one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batched {
    /// The order exists.
    Found(OrderText),
    /// There is no order of this id.
    Missing,
    /// It is too large to be read with others.
    TooLarge,
}

macro_rules! notes {
    () => {
        "(SELECT string_agg(n.note, ',' ORDER BY n.version) FROM order_notes n WHERE n.order_id = o.order_id)"
    };
}

/// When the order's customer was erased last, if the order had begun.
macro_rules! erased_at {
    ($order:literal) => {
        concat!(
            "(SELECT e.erased_at FROM order_erasures e WHERE e.customer_id = ",
            $order,
            ".customer_id AND e.position > ",
            $order,
            ".begun_position)"
        )
    };
}
pub(super) use erased_at;

macro_rules! applied {
    () => {
        "SELECT COALESCE((SELECT position FROM projections WHERE name = 'orders'), 0) AS applied, "
    };
}

/// One order, however large.
const ONE: &str = concat!(
    applied!(),
    "o.version, o.document, ",
    notes!(),
    " AS notes, ",
    erased_at!("o"),
    " AS erased_at FROM (SELECT 1 AS one) AS one LEFT JOIN orders o ON o.order_id = $1"
);

/// An order small enough to be read with others: at most 16 KiB and 8 notes.
macro_rules! small {
    () => {
        "octet_length(o.document) <= 16384 AND NOT EXISTS \
         (SELECT 1 FROM order_notes n WHERE n.order_id = o.order_id LIMIT 1 OFFSET 8)"
    };
}

/// Several orders, by a list of ids that follows; a large one only by its id.
const SEVERAL_PACKED: &str = concat!(
    applied!(),
    "string_agg(hex(o.order_id) || CASE WHEN ",
    small!(),
    " THEN ' ' || o.version || ' ' || COALESCE(",
    erased_at!("o"),
    ", '') || ' ' || o.document || char(31) || COALESCE(",
    notes!(),
    ", '') ELSE '' END, char(30)) FROM orders o WHERE o.order_id IN "
);

/// The same with one row for each order; the list of ids comes in the middle.
const SEVERAL_ROWS: [&str; 2] = [
    concat!(
        applied!(),
        "o.order_id, s.version, s.document, s.notes, s.erased_at FROM (SELECT 1 AS one) AS one LEFT JOIN orders o ON o.order_id IN "
    ),
    concat!(
        " LEFT JOIN LATERAL (SELECT o.version, o.document, ",
        notes!(),
        " AS notes, ",
        erased_at!("o"),
        " AS erased_at WHERE ",
        small!(),
        ") AS s ON TRUE"
    ),
];

/// Applied, version, document, notes, erased.
type OneRow = (i64, Option<i64>, Option<String>, Option<String>, Option<i64>);
/// The same with the order's id.
type SeveralRow = (i64, Option<Uuid>, Option<i64>, Option<String>, Option<String>, Option<i64>);

/// Orders that were read together; `None` for one that is too large for that.
type Found = Vec<(Uuid, Option<OrderText>)>;

impl ReadModel {
    /// The present state of an order.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn order(&self, order_id: Uuid) -> Result<Seen<Option<OrderText>>, ReadModelError> {
        let row: Option<OneRow> = self.first(Sql::new(ONE).bind(order_id)).await?;
        let (applied, version, document, notes, erased_at) = row.unwrap_or_default();
        let found = text(version, document, notes, erased_at)?;
        Ok(Seen { position: loaded(applied)?, found })
    }

    /// The present state of several orders, in the order of `order_ids`.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn orders(&self, order_ids: &[Uuid]) -> Result<Seen<Vec<Batched>>, ReadModelError> {
        let Seen { position, found } = self.several_orders(order_ids).await?;
        let batched = order_ids.iter().map(|asked| {
            // Two requests may ask for one order.
            match found.iter().find(|(order_id, _)| order_id == asked) {
                Some((_, Some(order))) => Batched::Found(order.clone()),
                Some((_, None)) => Batched::TooLarge,
                None => Batched::Missing,
            }
        });
        Ok(Seen { position, found: batched.collect() })
    }

    async fn several_orders(&self, order_ids: &[Uuid]) -> Result<Seen<Found>, ReadModelError> {
        if let Self::Sqlite(_) = self {
            let mut sql = Sql::new(SEVERAL_PACKED);
            sql.push_list(padded(order_ids));
            let row: Option<(i64, Option<String>)> = self.first(sql).await?;
            let (applied, texts) = row.unwrap_or_default();
            let texts = Bytes::from(texts.unwrap_or_default());
            let packed = std::str::from_utf8(&texts).ok().filter(|texts| !texts.is_empty());
            let found = packed_rows::unpack(packed, |packed| unpacked(&texts, packed))?;
            return Ok(Seen { position: loaded(applied)?, found });
        }
        let [head, tail] = SEVERAL_ROWS;
        let mut sql = Sql::new(head);
        sql.push_list(padded(order_ids)).push(tail);
        let rows: Vec<SeveralRow> = self.rows(sql).await?;
        let mut seen = Seen { position: 0, found: Vec::with_capacity(rows.len()) };
        for (applied, order_id, version, document, notes, erased_at) in rows {
            seen.position = loaded(applied)?;
            if let Some(order_id) = order_id {
                seen.found.push((order_id, text(version, document, notes, erased_at)?));
            }
        }
        Ok(seen)
    }
}

fn text(
    version: Option<i64>,
    document: Option<String>,
    notes: Option<String>,
    erased_at: Option<i64>,
) -> Result<Option<OrderText>, ReadModelError> {
    let (Some(version), Some(document)) = (version, document) else { return Ok(None) };
    let (document, notes) = (document.into(), notes.map(Bytes::from));
    Ok(Some(OrderText { version: loaded(version)?, document, notes, erased_at }))
}

/// An order from a packed page: its id and, if it is small, version, erasure, document and notes. These stay in the page's
/// memory.
fn unpacked(page: &Bytes, packed: &str) -> Option<(Uuid, Option<OrderText>)> {
    let Some((order_id, rest)) = packed.split_once(' ') else {
        return Some((Uuid::try_parse(packed).ok()?, None));
    };
    let (version, rest) = rest.split_once(' ')?;
    let (erased_at, rest) = rest.split_once(' ')?;
    let (document, notes) = rest.split_once('\u{1f}')?;
    let text = OrderText {
        version: version.parse().ok()?,
        document: page.slice_ref(document.as_bytes()),
        notes: (!notes.is_empty()).then(|| page.slice_ref(notes.as_bytes())),
        erased_at: packed_rows::number(erased_at)?,
    };
    Some((Uuid::try_parse(order_id).ok()?, Some(text)))
}
