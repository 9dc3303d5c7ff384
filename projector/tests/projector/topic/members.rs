//! Members come, go and are killed; the group is deleted; the relay is killed and repeats itself.

use super::{HANGS, Market, UNTESTED, records};
use std::process::{Child, Command, Stdio};

/// The projector program; killed when dropped.
struct Program(Child);

impl Program {
    fn start(market: &Market) -> Self {
        let source = format!("kafka://{}/{}", market.broker, market.kafka.topic);
        let child = Command::new(env!("CARGO_BIN_EXE_projector"))
            .args(["--source", &source, "--read-model", &market.url("views.db")])
            .args(["--listen", "127.0.0.1:0", "--group", &market.kafka.topic])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Every order whose last event is at or below the position that `orders` claims must be there with that event.
async fn tokens_hold(market: &Market, head: u64) {
    let mut seen = 0;
    let follow = async {
        while seen < head {
            let catalog = market.shop.model.catalog().await.unwrap();
            seen = catalog.iter().filter(|e| e.position > 0).map(|e| e.position).min().unwrap_or(0);
            let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM history WHERE position <= $1")
                .bind(i64::try_from(seen).unwrap())
                .fetch_one(&mut market.shop.sql().await)
                .await
                .unwrap();
            assert_eq!(u64::try_from(rows).unwrap(), seen, "a position is claimed too early");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS, follow).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_partitions_and_one_is_killed() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "killed").await;
    let relay = market.relay().await;
    let (one, other) = (Program::start(&market), Program::start(&market));
    market.trade(40).await;
    tokens_hold(&market, market.shop.log.head().await.unwrap().position).await;
    market.caught_up().await;
    drop(one);
    market.trade(40).await;
    market.caught_up().await;
    drop(other);
    relay.stop().await;
    market.shop.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_come_and_go_double_and_lose_nothing() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "rebalance").await;
    let relay = market.relay().await;
    let (stays, _) = market.follow(None).await;
    let rounds = std::env::var("ORDERLOG_FAULT_CYCLES");
    for round in 0..rounds.map_or(4, |rounds| rounds.parse().unwrap()) {
        market.trade(15).await;
        let (comes, _) = market.follow(None).await;
        market.trade(15).await;
        market.caught_up().await;
        market.trade(15).await;
        match round % 2 {
            0 => comes.stop().await,
            _ => comes.kill().await,
        }
    }
    market.caught_up().await;
    stays.stop().await;
    relay.stop().await;
    market.shop.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_of_everything_and_a_deleted_group_change_nothing() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "repeats").await;
    let relay = market.relay().await;
    market.trade(20).await;
    let once = market.published().await;
    relay.kill().await;
    // Half of it comes twice before a member has read it, the rest after.
    records::write(&market.broker, &market.kafka, &once[..once.len() / 2]);
    market.project(None).await;
    records::delete_group(&market.broker, &market.kafka.topic).await;
    records::write(&market.broker, &market.kafka, &once);
    let relay = market.relay().await;
    market.trade(20).await;
    market.project(None).await;
    relay.stop().await;
}
