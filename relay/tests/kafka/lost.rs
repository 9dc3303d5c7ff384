//! A topic that lost what was published to it is filled again, from the first event.

use crate::support::process::{must_equal_the_log, published};
use crate::support::{Log, RelayProcess, topic};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_deleted_is_made_and_filled_again() {
    let untested = "that a deleted topic is filled again";
    let Some(broker) = rig::kafka::shared_or_say(untested) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "deleted"));
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &[]);
    published(&log, &kafka, log.append(300).await).await;
    relay.stop();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    admin.delete_topics(&[&kafka.topic], &options).await.unwrap().remove(0).unwrap();
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &["--partitions", "3"]);
    let head = log.append(1).await;
    published(&log, &kafka, head).await;
    relay.stop();
    let said = must_equal_the_log(&log, &broker.address(), &kafka);
    assert!(said.contains("301 events compared") && said.contains("3 partitions"), "{said}");
}
