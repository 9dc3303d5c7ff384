//! Tables of the projection `orders`: present rows, their products, notes, versions over time, daily counts.

use super::erasures::{self, ErasureRow};
use crate::db::{
    Binds, BulkStatement, MAX_KEYS, ReadModel, ReadModelError, Row, Sql, Tables, WriteTx, padded,
    stored,
};
use uuid::Uuid;

/// The tables of this projection.
pub const TABLES: &[&str] = &[
    "orders",
    "order_products",
    "order_notes",
    "order_versions",
    "order_count_changes",
    "order_erasures",
];

/// What a batch changes in these tables.
#[derive(Debug, Default)]
pub struct OrdersChanges {
    /// New orders, or drafts, whose customer, total and time in lists may change.
    pub shaped: Vec<OrderRow>,
    /// Placed orders that have changed: of the columns that lists sort or filter by, only the status differs.
    pub moved: Vec<OrderRow>,
    /// Products by which an order is no longer found.
    pub products_gone: Vec<OrderProductRow>,
    /// Products by which an order is found from now on.
    pub products: Vec<OrderProductRow>,
    /// New notes.
    pub notes: Vec<OrderNoteRow>,
    /// Versions that changed what a list shows.
    pub versions: Vec<OrderVersionRow>,
    /// Changes of the counts.
    pub counts: Vec<CountChangeRow>,
    /// The last erasure of each customer.
    pub erasures: Vec<ErasureRow>,
}

/// The present state of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct OrderRow {
    pub order_id: Uuid,
    pub version: u64,
    pub position: u64,
    pub begun_position: u64,
    pub status: i16,
    pub payment_status: i16,
    pub fulfillment_status: i16,
    pub customer_id: String,
    pub currency: &'static str,
    pub total: i64,
    pub created_at: i64,
    pub placed_at: Option<i64>,
    pub listed_at: i64,
    pub summary: String,
    pub document: String,
}

/// A product by which an order is found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OrderProductRow {
    pub product_id: String,
    pub listed_at: i64,
    pub order_id: Uuid,
}

/// A note, as views show it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OrderNoteRow {
    pub order_id: Uuid,
    pub version: u64,
    pub note: String,
}

/// What a list showed of an order from a version on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OrderVersionRow {
    pub order_id: Uuid,
    pub version: u64,
    pub occurred_at: i64,
    pub status: i16,
    pub payment_status: i16,
    pub fulfillment_status: i16,
    pub was_status: Option<i16>,
    pub was_payment_status: Option<i16>,
    pub was_fulfillment_status: Option<i16>,
    pub total: i64,
    pub paid: i64,
    pub refunded: i64,
    pub line_count: u32,
    pub units: u64,
}

/// The change of one count on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CountChangeRow {
    pub day: i64,
    pub dimension: u8,
    pub code: i16,
    pub change: i64,
}

/// An order as later folding needs it.
#[derive(Debug, Clone)]
pub struct StoredOrder {
    /// The order's id.
    pub order_id: Uuid,
    /// Its last folded version.
    pub version: u64,
    /// The position of its first event.
    pub begun_position: u64,
    /// The order document, without notes.
    pub document: String,
}

const ORDER_HEAD: &str = "INSERT INTO {table} (order_id, version, position, begun_position, status, payment_status, \
    fulfillment_status, customer_id, currency, total, created_at, placed_at, listed_at, summary, document)";

const SHAPED: BulkStatement = BulkStatement {
    id: "orders-shaped",
    head: ORDER_HEAD,
    table: "orders",
    columns: 15,
    tail: "ON CONFLICT (order_id) DO UPDATE SET version = excluded.version, position = excluded.position, \
        status = excluded.status, payment_status = excluded.payment_status, \
        fulfillment_status = excluded.fulfillment_status, customer_id = excluded.customer_id, \
        currency = excluded.currency, total = excluded.total, created_at = excluded.created_at, \
        placed_at = excluded.placed_at, listed_at = excluded.listed_at, summary = excluded.summary, \
        document = excluded.document",
};

/// Updates no indexed column but the status, so that only that index is touched.
const MOVED: BulkStatement = BulkStatement {
    id: "orders-moved",
    head: ORDER_HEAD,
    table: "orders",
    columns: 15,
    tail: "ON CONFLICT (order_id) DO UPDATE SET version = excluded.version, position = excluded.position, \
        status = excluded.status, payment_status = excluded.payment_status, \
        fulfillment_status = excluded.fulfillment_status, summary = excluded.summary, \
        document = excluded.document",
};

const PRODUCTS_GONE: BulkStatement = BulkStatement {
    id: "order_products-gone",
    head: "DELETE FROM {table} WHERE (product_id, listed_at, order_id) IN (",
    table: "order_products",
    columns: 3,
    tail: ")",
};

const PRODUCTS: BulkStatement = BulkStatement {
    id: "order_products",
    head: "INSERT INTO {table} (product_id, listed_at, order_id)",
    table: "order_products",
    columns: 3,
    tail: "ON CONFLICT DO NOTHING",
};

const NOTES: BulkStatement = BulkStatement {
    id: "order_notes",
    head: "INSERT INTO {table} (order_id, version, note)",
    table: "order_notes",
    columns: 3,
    tail: "",
};

const VERSIONS: BulkStatement = BulkStatement {
    id: "order_versions",
    head: "INSERT INTO {table} (order_id, version, occurred_at, status, payment_status, fulfillment_status, \
        was_status, was_payment_status, was_fulfillment_status, total, paid, refunded, line_count, units)",
    table: "order_versions",
    columns: 14,
    tail: "",
};

const COUNTS: BulkStatement = BulkStatement {
    id: "order_count_changes",
    head: "INSERT INTO {table} AS kept (day, dimension, code, change)",
    table: "order_count_changes",
    columns: 4,
    tail: "ON CONFLICT (day, dimension, code) DO UPDATE SET change = kept.change + excluded.change",
};

impl Row for OrderRow {
    fn bind(self, binds: &mut Binds) {
        binds
            .uuid(self.order_id)
            .int(stored(self.version))
            .int(stored(self.position))
            .int(stored(self.begun_position))
            .int(self.status.into())
            .int(self.payment_status.into())
            .int(self.fulfillment_status.into())
            .text(self.customer_id)
            .text(self.currency)
            .int(self.total)
            .int(self.created_at)
            .maybe_int(self.placed_at)
            .int(self.listed_at)
            .text(self.summary)
            .text(self.document);
    }
}

impl Row for OrderProductRow {
    fn bind(self, binds: &mut Binds) {
        binds.text(self.product_id).int(self.listed_at).uuid(self.order_id);
    }
}

impl Row for OrderNoteRow {
    fn bind(self, binds: &mut Binds) {
        binds.uuid(self.order_id).int(stored(self.version)).text(self.note);
    }
}

impl Row for OrderVersionRow {
    fn bind(self, binds: &mut Binds) {
        binds
            .uuid(self.order_id)
            .int(stored(self.version))
            .int(self.occurred_at)
            .int(self.status.into())
            .int(self.payment_status.into())
            .int(self.fulfillment_status.into())
            .maybe_int(self.was_status.map(i64::from))
            .maybe_int(self.was_payment_status.map(i64::from))
            .maybe_int(self.was_fulfillment_status.map(i64::from))
            .int(self.total)
            .int(self.paid)
            .int(self.refunded)
            .int(self.line_count.into())
            .int(stored(self.units));
    }
}

impl Row for CountChangeRow {
    fn bind(self, binds: &mut Binds) {
        binds.int(self.day).int(self.dimension.into()).int(self.code.into()).int(self.change);
    }
}

impl WriteTx {
    /// Writes a batch's changes.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn write_orders(
        &mut self,
        tables: Tables,
        changes: OrdersChanges,
    ) -> Result<(), ReadModelError> {
        // Writes to one table are kept apart from each other, because those to different tables travel together.
        self.bulk(&SHAPED, tables, changes.shaped).await?;
        self.bulk(&PRODUCTS_GONE, tables, changes.products_gone).await?;
        self.bulk(&MOVED, tables, changes.moved).await?;
        self.bulk(&PRODUCTS, tables, changes.products).await?;
        self.bulk(&NOTES, tables, changes.notes).await?;
        self.bulk(&VERSIONS, tables, changes.versions).await?;
        self.bulk(&COUNTS, tables, changes.counts).await?;
        self.bulk(&erasures::OF_ORDERS, tables, changes.erasures).await
    }
}

impl ReadModel {
    /// The present state of these orders; missing ones are left out.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn load_orders(
        &self,
        tables: Tables,
        orders: &[Uuid],
    ) -> Result<Vec<StoredOrder>, ReadModelError> {
        let mut found = Vec::with_capacity(orders.len());
        for keys in orders.chunks(MAX_KEYS) {
            // One subquery for each key, not `IN`: PostgreSQL would keep the plan that it made while the table was
            // small, and read the whole table each time. Each returns one value, so PostgreSQL cannot turn it into a
            // join.
            let mut sql = Sql::new(
                "SELECT asked.id, \
                 (SELECT o.version || ' ' || o.begun_position || ' ' || o.document FROM ",
            );
            sql.push(tables.name("orders")).push(" o WHERE o.order_id = asked.id) FROM ");
            sql.push_table(padded(keys));
            let rows: Vec<(Uuid, Option<String>)> = self.rows(sql).await?;
            for (order_id, text) in rows {
                let Some(text) = text else { continue };
                found.push(unpacked(order_id, &text).ok_or_else(|| no_version(order_id))?);
            }
        }
        Ok(found)
    }
}

fn unpacked(order_id: Uuid, text: &str) -> Option<StoredOrder> {
    let mut parts = text.splitn(3, ' ');
    Some(StoredOrder {
        order_id,
        version: parts.next()?.parse().ok()?,
        begun_position: parts.next()?.parse().ok()?,
        document: parts.next()?.to_owned(),
    })
}

fn no_version(order_id: Uuid) -> ReadModelError {
    ReadModelError::Corrupt(format!("order {order_id} has no stored version or beginning"))
}
