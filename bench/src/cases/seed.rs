//! Many orders, quickly: placed over five years, imported before a server runs. The id of order `n` can be computed.

use crate::orders::create_body;
use crate::program::{Backend, Data};
use anyhow::{Context, ensure};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufWriter};
use uuid::Uuid;

/// The first order's moment, in seconds since 1970: 2020-01-01.
const FIRST: u64 = 1_577_836_800;
/// Seconds over which the orders spread.
const SPAN: u64 = 5 * 365 * 86_400;
/// Customers that they spread over.
const CUSTOMERS: u64 = 5_000;
/// The size of the buffer in front of the importer.
const BUFFER: usize = 256 << 10;

/// The id of the `number`-th of `orders`: ordered by time, as a client's own version 7 ids would be.
pub(super) fn order_id(number: u64, orders: u64) -> Uuid {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&mixed);
    uuid::Builder::from_unix_timestamp_millis(moment(number, orders) * 1000, &random).into_uuid()
}

fn moment(number: u64, orders: u64) -> u64 {
    FIRST + SPAN * number / orders.max(1)
}

/// Data with `orders` orders, one event each.
///
/// # Errors
/// When the import fails.
pub(super) async fn orders(backend: Backend, orders: u64) -> anyhow::Result<Data> {
    let data = Data::empty(backend).await?;
    let mut importing = data
        .importing()?
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines =
        BufWriter::with_capacity(BUFFER, importing.stdin.take().context("stdin is piped")?);
    for number in 0..orders {
        lines.write_all(line(number, orders).as_bytes()).await?;
    }
    lines.shutdown().await?;
    drop(lines);
    let status = importing.wait().await?;
    ensure!(status.success(), "the import of {orders} orders ended with {status}");
    Ok(data)
}

/// One line of an import.
pub(super) fn line(number: u64, orders: u64) -> String {
    let id = order_id(number, orders);
    let body = create_body(id, usize::try_from(number % CUSTOMERS).unwrap_or(0));
    let body = body.replacen(&format!(r#""order_id":"{id}","#), "", 1);
    let at = rfc3339(moment(number, orders));
    format!("{{\"order_id\":\"{id}\",\"at\":\"{at}\",\"command\":\"create\",\"body\":{body}}}\n")
}

/// Seconds since 1970 as a UTC moment.
fn rfc3339(seconds: u64) -> String {
    let moment = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
    crate::report::moment(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_have_ids_of_their_own_in_the_order_of_their_moments() {
        let ids: Vec<Uuid> = (0..1000).map(|number| order_id(number, 1000)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(ids[0].get_version_num(), 7);
        let line = line(999, 1000);
        assert!(line.contains(r#""at":"2024-12-28T"#), "{line}");
        assert!(line.contains(&ids[999].to_string()));
    }
}
