//! Checks that no event is missing or duplicated: reads the log back and compares it with the answers.
//!
//! Every event after the position where a period of load began must belong to an order that was walked to its end. Each
//! of those orders must have each of its versions exactly once. The views must reach the last position, and show the
//! orders as completed.

use crate::client::Client;
use crate::orders::{LAST_VERSION, Load};
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Events on one page.
const PAGE: u64 = 1_000;
/// How many finished orders are read back one by one.
const READ_BACK: usize = 200;
/// Views that have not moved for this long have stopped.
const STANDING_STILL: Duration = Duration::from_secs(60);
/// The interval between looks at the views.
const LOOKING: Duration = Duration::from_millis(50);

#[derive(Debug, Deserialize)]
struct Feed<'a> {
    #[serde(borrow)]
    data: Vec<Event<'a>>,
}

#[derive(Debug, Deserialize)]
struct Event<'a> {
    subject: &'a str,
    sequence: &'a str,
    streamversion: u64,
}

#[derive(Debug, Deserialize)]
struct Projection {
    position: u64,
}

#[derive(Debug, Deserialize)]
struct Order<'a> {
    version: u64,
    status: &'a str,
}

/// Waits until the views behind `host` have reached `position`; returns how long that took, in milliseconds.
///
/// # Errors
/// When they do not.
pub async fn caught_up(host: &str, position: u64) -> anyhow::Result<f64> {
    let mut client = Client::connect(host).await?;
    let begun = Instant::now();
    let token = format!("Consistency-Token: {position}\r\nPrefer: wait=30");
    let status = client.get("/v1/orders?limit=1", &token).await?.status;
    ensure!(status == 200, "the views did not reach position {position}: {status}");
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

/// As [`caught_up`], but waits as long as the views advance: after a large import they have much to do.
///
/// # Errors
/// When they stop advancing.
pub async fn caught_up_at_last(host: &str, position: u64) -> anyhow::Result<()> {
    let mut client = Client::connect(host).await?;
    let (mut at, mut came_on) = (0, Instant::now());
    while at < position {
        let answer = client.get("/v1/projections", "").await?;
        let projections: Vec<Projection> = serde_json::from_slice(answer.body)?;
        let now = projections.iter().map(|projection| projection.position).min().unwrap_or(0);
        if now > at {
            (at, came_on) = (now, Instant::now());
        }
        ensure!(came_on.elapsed() < STANDING_STILL, "the views stand still at {at} of {position}");
        tokio::time::sleep(LOOKING).await;
    }
    Ok(())
}

/// Checks that the log behind `host` ends at `position`: it holds no event without a request.
///
/// # Errors
/// When the log has more events.
pub async fn ends_at(host: &str, position: u64) -> anyhow::Result<()> {
    let mut client = Client::connect(host).await?;
    let page = client.get(&format!("/v1/events?after={position}&limit=1"), "").await?;
    let feed: Feed<'_> = serde_json::from_slice(page.body)?;
    ensure!(feed.data.is_empty(), "the log goes on after position {position}");
    Ok(())
}

/// Compares a period of load, which began after position `before`, with the log and the views behind `host`. Returns
/// the log's new end, and how long the views took to reach it, in milliseconds.
///
/// # Errors
/// When an answered command is missing or duplicated.
pub async fn check(host: &str, load: &Load, before: u64) -> anyhow::Result<(u64, f64)> {
    let end = before + load.events();
    let waited = caught_up(host, end).await?;
    let mut client = Client::connect(host).await?;
    let mut seen: HashMap<Uuid, u64> =
        load.finished.iter().map(|order_id| (*order_id, 0)).collect();
    ensure!(seen.len() == load.finished.len(), "two orders have one id");
    let mut position = before;
    loop {
        let page = client.get(&format!("/v1/events?after={position}&limit={PAGE}"), "").await?;
        ensure!(page.status == 200, "the events were answered {}", page.status);
        let feed: Feed<'_> = serde_json::from_slice(page.body)?;
        if feed.data.is_empty() {
            break;
        }
        for event in &feed.data {
            position += 1;
            tick_off(&mut seen, event, position)?;
        }
    }
    ensure!(
        position == end,
        "{} events were answered, {} are stored",
        end - before,
        position - before
    );
    // Each event was new to its order, and there are as many events as were answered: so none is missing.
    for order_id in load.finished.iter().rev().take(READ_BACK) {
        read_back(&mut client, *order_id).await?;
    }
    Ok((end, waited))
}

fn tick_off(seen: &mut HashMap<Uuid, u64>, event: &Event<'_>, position: u64) -> anyhow::Result<()> {
    ensure!(event.sequence.parse() == Ok(position), "{} stands at {position}", event.sequence);
    let order_id = event.subject.strip_prefix("order/").and_then(|id| id.parse::<Uuid>().ok());
    let versions = order_id.and_then(|order_id| seen.get_mut(&order_id));
    let versions = versions.with_context(|| format!("{} was never answered", event.subject))?;
    ensure!(
        event.streamversion == *versions + 1 && *versions < LAST_VERSION,
        "version {} of {} follows version {versions}",
        event.streamversion,
        event.subject
    );
    *versions += 1;
    Ok(())
}

async fn read_back(client: &mut Client, order_id: Uuid) -> anyhow::Result<()> {
    let answer = client.get(&format!("/v1/orders/{order_id}"), "").await?;
    let order: Order<'_> = serde_json::from_slice(answer.body)?;
    ensure!(order.version == LAST_VERSION, "{order_id} stands at {}", order.version);
    ensure!(order.status == "completed", "{order_id} is {}", order.status);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn event<'a>(subject: &'a str, sequence: &'a str, streamversion: u64) -> Event<'a> {
        Event { subject, sequence, streamversion }
    }

    #[test]
    fn a_doubled_a_skipped_and_an_unknown_event_are_found() {
        let order_id = Uuid::from_u128(7);
        let subject = format!("order/{order_id}");
        let mut seen = HashMap::from([(order_id, 0)]);
        tick_off(&mut seen, &event(&subject, "1", 1), 1).unwrap();
        let doubled = tick_off(&mut seen, &event(&subject, "2", 1), 2).unwrap_err();
        assert!(doubled.to_string().contains("version 1 of"), "{doubled}");
        assert!(tick_off(&mut seen, &event(&subject, "2", 3), 2).is_err());
        assert!(tick_off(&mut seen, &event(&subject, "3", 2), 2).is_err());
        let other = format!("order/{}", Uuid::from_u128(8));
        let unknown = tick_off(&mut seen, &event(&other, "2", 1), 2).unwrap_err();
        assert!(unknown.to_string().contains("never answered"), "{unknown}");
    }
}
