//! Projection `vouchers`: each voucher's present state.

use crate::aggregate::VoucherAggregate;
use domain::Aggregate;
use event_store::StreamType;
use futures::future::{BoxFuture, FutureExt};
use migrations::{files, migrator};
use projector::{Changes, Decoded, Fold, Poison, Projection, Registry, Streams};
use read_model::sql::{Binds, BulkStatement, Row};
use read_model::write::{Tables, WriteTx};
use read_model::{ReadModelError, Schema};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The projection.
pub static VOUCHERS: Projection = Projection {
    name: "vouchers",
    version: 1,
    tables: &["vouchers"],
    streams: Streams::Of(&[StreamType::new(VoucherAggregate::STREAM_TYPE)]),
    keeps_events: false,
    fold: |_| Box::new(Vouchers::default()),
};

/// The registry of a projector for orders and vouchers.
pub fn registry() -> Registry {
    Registry::standard().aggregate::<VoucherAggregate>().projection(&VOUCHERS).tables(schema())
}

/// The tables of orders and vouchers.
pub fn schema() -> Schema {
    let sqlite = migrator(files!("../migrations/sqlite": "1000_create_vouchers"));
    let postgres = migrator(files!("../migrations/postgres": "1000_create_vouchers"));
    Schema::standard().with(&sqlite, &postgres)
}

/// The vouchers of a batch, each after its last event.
#[derive(Debug, Default)]
struct Vouchers(BTreeMap<Uuid, VoucherRow>);

#[derive(Debug)]
struct VoucherRow {
    voucher_id: Uuid,
    version: u64,
    status: &'static str,
    amount: u32,
}

impl Fold for Vouchers {
    fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        let Some(happened) = event.read::<VoucherAggregate>()? else { return Ok(()) };
        let (status, amount) = happened.leads_to();
        let (voucher_id, version) = (event.recorded.stream.id, event.recorded.version);
        let row = VoucherRow { voucher_id, version, status: status.as_str(), amount };
        self.0.insert(voucher_id, row);
        Ok(())
    }

    fn take(&mut self, _: Vec<Decoded>) -> Box<dyn Changes> {
        Box::new(std::mem::take(self))
    }
}

const KEEP: BulkStatement = BulkStatement {
    id: "vouchers",
    head: "INSERT INTO {table} (voucher_id, version, status, amount)",
    table: "vouchers",
    columns: 4,
    tail: "ON CONFLICT (voucher_id) DO UPDATE SET version = excluded.version, status = excluded.status",
};

impl Row for VoucherRow {
    fn bind(self, binds: &mut Binds) {
        let Self { voucher_id, version, status, amount } = self;
        binds.uuid(voucher_id).int(version.cast_signed()).text(status).int(amount.into());
    }
}

impl Changes for Vouchers {
    fn write<'a>(
        self: Box<Self>,
        tx: &'a mut WriteTx,
        tables: Tables,
    ) -> BoxFuture<'a, Result<(), ReadModelError>> {
        tx.bulk(&KEEP, tables, self.0.into_values().collect()).boxed()
    }
}
